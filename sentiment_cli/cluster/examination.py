"""`doctor --cluster`: reads a namespace's objects and hands them to `findings`."""

import json
from typing import Any

from sentiment_cli.checks.check import Check, fail
from sentiment_cli.cluster import findings
from sentiment_cli.cluster.api import Installation, refusals_named

KSERVE = {"group": "serving.kserve.io", "version": "v1beta1", "plural": "inferenceservices"}


def _plain(answer: Any) -> list[dict[str, Any]]:
    from kubernetes import client

    items: list[dict[str, Any]] = client.ApiClient().sanitize_for_serialization(answer)["items"]
    return items


def _definitions() -> list[str]:
    """The kinds of KServe that the cluster knows, as a person without rights to list definitions may see them."""
    from kubernetes import client
    from kubernetes.client import ApiException

    found = []
    for version in ("v1beta1", "v1alpha1"):
        try:
            resources = client.CustomObjectsApi().get_api_resources("serving.kserve.io", version).resources
        except ApiException:
            continue
        found += [f"{one.name}.serving.kserve.io" for one in resources]
    return found


def _champion(installation: Installation) -> str | None:
    """The release that the last finished promotion served, by the words of its Job; None where there is none.

    The store itself is reached only from within the namespace.
    """
    from kubernetes import client

    core = client.CoreV1Api()
    selector = "app.kubernetes.io/component=promotion"
    pods = core.list_namespaced_pod(installation.namespace, label_selector=selector).items
    for pod in sorted(pods, key=lambda pod: pod.metadata.creation_timestamp, reverse=True):
        if pod.status.phase == "Succeeded":
            log = core.read_namespaced_pod_log(pod.metadata.name, installation.namespace)
            for line in log.splitlines():
                words = line.split()
                if line.endswith("the champion") and words:
                    return str(words[0])
    return None


def _service(installation: Installation) -> dict[str, Any] | None:
    from kubernetes import client
    from kubernetes.client import ApiException

    try:
        found = client.CustomObjectsApi().get_namespaced_custom_object(
            **KSERVE, namespace=installation.namespace, name=installation.fullname
        )
    except ApiException as error:
        if error.status == 404:
            return None
        raise
    return dict(json.loads(json.dumps(found)))


def examine(installation: Installation) -> list[Check]:
    """Every finding, in the order in which a person would look.

    Raises:
        ClusterError: the cluster cannot be asked.
    """
    from kubernetes import client

    namespace = installation.namespace
    core, batch = client.CoreV1Api(), client.BatchV1Api()
    with refusals_named(f"looking at the namespace {namespace}", f"there is no namespace {namespace}; name it with -n"):
        core.list_namespaced_service_account(namespace)
        config_maps = core.list_namespaced_config_map(namespace).items
        if f"{installation.fullname}-environment" not in [one.metadata.name for one in config_maps]:
            return [
                fail(
                    "chart",
                    f"no release of the chart with the names {installation.fullname}-… in {namespace}",
                    "make deploy, or name it with -n and --release-name",
                )
            ]
        pods, jobs = _plain(core.list_namespaced_pod(namespace)), _plain(batch.list_namespaced_job(namespace))
        claims = _plain(core.list_namespaced_persistent_volume_claim(namespace))
        return [
            findings.kserve(_definitions()),
            *findings.pods(pods, namespace),
            *findings.claims(claims),
            *findings.jobs(jobs, namespace),
            findings.service(_service(installation), _champion(installation), namespace),
        ]
