"""The Kubernetes API of a person's kubeconfig; its refusals become errors with a remedy."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sentiment_cli.errors import CliError
from sentiment_common import kubernetes_api
from sentiment_common.kubernetes_api import reason_of

ANSWER_SECONDS = 30


class ClusterError(CliError):
    """The cluster cannot be reached or refuses a request."""


@dataclass(frozen=True)
class Installation:
    """A release of the chart: its namespace, and the prefix of its objects' names."""

    namespace: str
    fullname: str


def fullname_of(release: str) -> str:
    """Return the chart's prefix of the names of a release's objects (`sentiment.fullname`)."""
    name = release if "sentiment" in release else f"{release[:26].removesuffix('-')}-sentiment"
    return name[:36].removesuffix("-")


def connect() -> None:
    """Read the kubeconfig, or the pod's own account inside of a cluster.

    Raises:
        ClusterError: both are missing, or the kubeconfig cannot be read.
    """
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns of every try; the last failure becomes the error
    try:
        kubernetes_api.connect()
    except kubernetes_api.NoCluster as error:
        raise ClusterError(str(error)) from None


@contextmanager
def refusals_named(what: str, missing: str) -> Iterator[None]:
    """Turn the API's exceptions into a ClusterError; `missing` is its message for an object that does not exist."""
    from kubernetes.client import ApiException, Configuration
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        if error.status == 404:
            raise ClusterError(missing) from None
        remedy = "; ask for the right, or use another account" if error.status in (401, 403) else ""
        raise ClusterError(f"{what}: the cluster refuses: {reason_of(error)}{remedy}") from None
    except HTTPError as error:
        host = Configuration.get_default_copy().host
        raise ClusterError(
            f"{what}: the cluster at {host} does not answer: {reason_of(error)}; check that it runs, and the context "
            "(kubectl config current-context)"
        ) from None
