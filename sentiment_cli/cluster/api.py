"""The Kubernetes API as a person's kubeconfig reaches it; its refusals become sentences with a remedy."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sentiment_cli.errors import CliError


class ClusterError(CliError):
    """The cluster cannot be reached, or refuses."""


@dataclass(frozen=True)
class Installation:
    """A release of the chart: its namespace, and the prefix of its objects' names."""

    namespace: str
    fullname: str


def fullname_of(release: str) -> str:
    """The prefix that the chart gives the names of a release's objects (`sentiment.fullname`)."""
    name = release if "sentiment" in release else f"{release[:26].rstrip('-')}-sentiment"
    return name[:36].rstrip("-")


def connect() -> None:
    """Read the kubeconfig, or the pod's own account inside of a cluster.

    Raises:
        ClusterError: there is neither.
    """
    from kubernetes import config
    from kubernetes.config import ConfigException

    try:
        config.load_config()
    except ConfigException as error:
        raise ClusterError(f"no cluster: {error}. Set KUBECONFIG, or log in to the cluster first") from None


def _words(error: Any) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        return str(error.reason or error)


@contextmanager
def refusals_named(what: str, missing: str) -> Iterator[None]:
    """Turn what the API raises into a ClusterError; `missing` is said when the object is not there."""
    from kubernetes.client import ApiException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ApiException as error:
        if error.status == 404:
            raise ClusterError(missing) from None
        remedy = "; ask for the right, or use another account" if error.status in (401, 403) else ""
        raise ClusterError(f"{what}: the cluster refuses: {_words(error)}{remedy}") from None
    except HTTPError as error:
        raise ClusterError(f"{what}: the cluster does not answer: {error}") from None
