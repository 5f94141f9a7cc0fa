"""`doctor --cluster`: read a namespace's objects, and pass them to the findings."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sentiment_cli.checks.check import Check, fail, skip
from sentiment_cli.cluster import findings, monitor, pod_findings
from sentiment_cli.cluster.api import ANSWER_SECONDS, Installation, refusals_named
from sentiment_common.cron_jobs import Object

KSERVE = {"group": "serving.kserve.io", "version": "v1beta1", "plural": "inferenceservices"}
MOST_EVENTS = 1000


def _list(function: Any, namespace: str, **options: Any) -> list[Object]:
    from kubernetes import client

    answer = function(namespace, _request_timeout=ANSWER_SECONDS, **options)
    items: list[Object] = client.ApiClient().sanitize_for_serialization(answer)["items"]
    return items


def _definitions() -> list[str]:
    """Return KServe's kinds in the cluster; this needs no right to list definitions."""
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


def _champion(pods: Sequence[Object], jobs: Sequence[Object], namespace: str) -> tuple[str | None, list[Check]]:
    """Return the store's champion, or why it is unknown: only the namespace's own pods reach the store."""
    try:
        status = monitor.status(pods, namespace)
        unknown = findings.why_champion_unknown(status, jobs)
    except monitor.MonitorAway as error:
        unknown = str(error)
    if unknown:
        return None, [skip("champion", f"unknown, so not compared with the served release: {unknown}")]
    return status["champion"], []


def _service(installation: Installation) -> Object | None:
    from kubernetes import client
    from kubernetes.client import ApiException

    try:
        found = client.CustomObjectsApi().get_namespaced_custom_object(
            **KSERVE,
            namespace=installation.namespace,
            name=installation.fullname,
            _request_timeout=ANSWER_SECONDS,
        )
    except ApiException as error:
        if error.status == 404:
            return None
        raise
    return dict(found)


def examine(installation: Installation) -> list[Check]:
    """Return every finding, in the order in which a person would look.

    Raises:
        ClusterError: the cluster does not answer or refuses.
    """
    from kubernetes import client

    namespace = installation.namespace
    core, batch = client.CoreV1Api(), client.BatchV1Api()
    with refusals_named(f"looking at the namespace {namespace}", f"there is no namespace {namespace}; name it with -n"):
        config_maps = _list(core.list_namespaced_config_map, namespace)
        if f"{installation.fullname}-environment" not in map(findings.name_of, config_maps):
            return [
                fail(
                    "chart",
                    f"no release of the chart with the names {installation.fullname}-… in {namespace}",
                    "make deploy, or name it with -n and --release-name",
                )
            ]
        pods, jobs = _list(core.list_namespaced_pod, namespace), _list(batch.list_namespaced_job, namespace)
        events = _list(core.list_namespaced_event, namespace, field_selector="type=Warning", limit=MOST_EVENTS)
        claims = _list(core.list_namespaced_persistent_volume_claim, namespace)
        served = _service(installation)
        champion, unknown = _champion(pods, jobs, namespace)
        return [
            findings.kserve(_definitions()),
            *pod_findings.pods(pods, events, namespace, datetime.now(UTC)),
            *findings.claims(claims),
            *findings.jobs(jobs, pods, namespace),
            *unknown,
            findings.service(served, champion, namespace),
        ]
