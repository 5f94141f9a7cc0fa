"""Findings about pods, from the pods and their warnings as plain data."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from sentiment_cli.checks.check import Check, fail, ok, warn
from sentiment_cli.cluster.findings import failure_of, name_of, time_of
from sentiment_common.cron_jobs import Object
from sentiment_common.pod_trouble import Trouble, containers_of, trouble_of

# A first mount may fail before its Secret has reached the node.
MOUNTED_WITHIN = timedelta(seconds=30)
# The slowest start, a server that fetches its release and replays its golden inputs, takes under three minutes.
READY_WITHIN = timedelta(minutes=5)


def explained(trouble: Trouble, pod: str, namespace: str) -> tuple[str, str]:
    """Describe the obstacle of a container, and the remedy."""
    if trouble.kind == "image":
        remedy = "check image.registry and image.tag, or global.imagePullSecrets"
        return f"the image {trouble.image} cannot be pulled: {trouble.detail}", remedy
    if trouble.kind == "object":
        return (
            f"a required object is missing: {trouble.detail}",
            "create it, or name another in the chart's values",
        )
    if trouble.kind == "container":
        return f"the container cannot be created: {trouble}", f"kubectl -n {namespace} describe pod {pod}"
    return str(trouble), f"kubectl -n {namespace} logs {pod} -c {trouble.container} --previous"


def pods(found: Sequence[Object], events: Sequence[Object], namespace: str, now: datetime) -> list[Check]:
    """Find pods that cannot start, end repeatedly, or do not become ready; one line when all are well.

    Args:
        events: the namespace's warnings.
    """
    warnings: dict[str, list[Object]] = defaultdict(list)
    for event in events:
        warnings[event["involvedObject"].get("uid", "")].append(event)
    bad = [check for pod in found if (check := _pod(pod, warnings[pod["metadata"]["uid"]], namespace, now))]
    running = sum(pod.get("status", {}).get("phase") == "Running" for pod in found)
    return bad or [ok("pods", f"{running} run, none in trouble")]


def _pod(pod: Object, warnings: Sequence[Object], namespace: str, now: datetime) -> Check | None:
    status, name = pod.get("status", {}), f"pod {name_of(pod)}"
    phase = status.get("phase")
    if phase == "Succeeded" or "deletionTimestamp" in pod["metadata"]:
        return None
    if phase == "Failed":
        return _failed(pod, namespace)
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return fail(
                name,
                f"no node accepts it: {condition.get('message', '')}",
                "add a node, or lower its requests",
            )
    if trouble := trouble_of(status):
        return fail(name, *explained(trouble, name_of(pod), namespace))
    return _unready(pod, warnings, namespace, now)


def _failed(pod: Object, namespace: str) -> Check | None:
    """Report a failed pod; a Job's pod is reported with its Job."""
    kinds = {owner["kind"] for owner in pod["metadata"].get("ownerReferences") or ()}
    reason = failure_of(pod) or "no reason given"
    if "Job" in kinds:
        return None
    if kinds:
        remedy = f"kubectl -n {namespace} delete pod {name_of(pod)}"
        return warn(f"pod {name_of(pod)}", f"it ended and another took its place: {reason}", remedy)
    return fail(f"pod {name_of(pod)}", f"it failed: {reason}", f"kubectl -n {namespace} logs {name_of(pod)}")


def _unready(pod: Object, warnings: Sequence[Object], namespace: str, now: datetime) -> Check | None:
    since = next(
        (
            time_of(one["lastTransitionTime"])
            for one in pod.get("status", {}).get("conditions") or ()
            if one["type"] == "Ready" and one["status"] == "False" and one.get("lastTransitionTime")
        ),
        now,
    )
    waits, name = now - since, f"pod {name_of(pod)}"
    mounts = [event for event in warnings if event.get("reason") in ("FailedMount", "FailedAttachVolume")]
    if mounts and _is_being_created(pod) and waits >= MOUNTED_WITHIN:
        remedy = "create the missing object, or name another in the chart's values"
        return fail(name, f"a volume cannot be mounted: {_newest(mounts)}", remedy)
    if waits < READY_WITHIN:
        return None
    reason = _newest(warnings) or _waits_for(pod) or "no reason given"
    remedy = f"kubectl -n {namespace} describe pod {name_of(pod)}; kubectl -n {namespace} logs {name_of(pod)}"
    return fail(name, f"not ready for {int(waits.total_seconds() // 60)} minutes: {reason}", remedy)


def _is_being_created(pod: Object) -> bool:
    states = [container.get("state") or {} for container in containers_of(pod.get("status", {}))]
    return not any("running" in state or "terminated" in state for state in states)


def _waits_for(pod: Object) -> str:
    for container in containers_of(pod.get("status", {})):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting:
            return f"{container['name']}: {waiting.get('reason', '')} {waiting.get('message', '')}".strip()
    return ""


def _newest(events: Sequence[Object]) -> str:
    """Return the last event's message in one line."""
    ordered = sorted(events, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime") or ""))
    return " ".join(str(ordered[-1].get("message", "")).split())[:300] if ordered else ""
