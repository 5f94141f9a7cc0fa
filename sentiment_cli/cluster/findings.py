"""Findings about a namespace, from its objects as plain data: one sentence and one remedy each."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sentiment_cli.checks.check import Check, fail, ok, warn
from sentiment_common.cron_jobs import Object, has_ended
from sentiment_common.pod_trouble import containers_of, last_words

PROMOTES = "INFERENCE_SERVICE"  # a container with this variable may change what is served


def name_of(thing: Object) -> str:
    """Return an object's name."""
    return str(thing["metadata"]["name"])


def time_of(text: str) -> datetime:
    """Parse a time of the API: ISO 8601 in UTC."""
    return datetime.fromisoformat(text)


def claims(found: Sequence[Object]) -> list[Check]:
    """Find volumes that wait for storage."""
    pending = [name_of(claim) for claim in found if claim.get("status", {}).get("phase") == "Pending"]
    if pending:
        remedy = "set global.storageClass (kubectl get storageclass); a class that binds at first use waits for its pod"
        return [warn("volumes", f"no storage yet for {', '.join(pending)}", remedy)]
    return [ok("volumes", f"{len(found)} bound")]


def _owned_by(job: Object, pods: Iterable[Object]) -> list[Object]:
    mine = [
        pod
        for pod in pods
        if any(owner.get("uid") == job["metadata"]["uid"] for owner in pod["metadata"].get("ownerReferences") or ())
    ]
    return sorted(mine, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))


def failure_of(pod: Object) -> str:
    """Return the last line of a failed container, else the node's reason; empty where both are missing."""
    status = pod.get("status", {})
    for container in containers_of(status):
        ended = (container.get("state") or {}).get("terminated")
        if ended and ended.get("exitCode"):
            return last_words(container)
    return str(status.get("message") or status.get("reason") or "")


def _last_failure(job: Object, pods: Iterable[Object]) -> str:
    """Return the last line of a Job's newest failed pod."""
    failed = [pod for pod in _owned_by(job, pods) if pod.get("status", {}).get("phase") == "Failed"]
    return failure_of(failed[-1]) if failed else ""


def jobs(found: Sequence[Object], pods: Sequence[Object], namespace: str) -> list[Check]:
    """Find each component's newest ended Job if it failed, and running Jobs with a failed attempt."""
    newest: dict[str, Object] = {}
    bad = []
    for job in sorted(found, key=lambda job: str(job["metadata"]["creationTimestamp"])):
        component = job["metadata"].get("labels", {}).get("app.kubernetes.io/component", name_of(job))
        if has_ended(job):
            newest[component] = job
        elif reason := _last_failure(job, pods):
            remedy = f"kubectl -n {namespace} logs job/{name_of(job)}"
            bad.append(warn(component, f"an attempt of Job {name_of(job)} failed, another follows: {reason}", remedy))
    for component, job in newest.items():
        for condition in job["status"]["conditions"]:
            if condition["type"] == "Failed" and condition["status"] == "True":
                why = condition.get("message") or condition.get("reason", "")
                last = _last_failure(job, pods)
                bad.append(
                    fail(
                        component,
                        f"its last Job {name_of(job)} failed: {f'{last} ({why})' if last else why}",
                        f"kubectl -n {namespace} logs job/{name_of(job)}",
                    )
                )
    return bad or [ok("jobs", f"{len(newest)} components, the last Job of each succeeded")]


def why_champion_unknown(status: Object, found_jobs: Sequence[Object]) -> str | None:
    """Return why the champion of the monitor's `/api/status` may be out of date; None when it is current.

    The monitor reads the store at intervals, and a promotion changes the InferenceService before the store.
    """
    read_at = status.get("read_at", {}).get("store")
    if read_at is None or not status.get("up", {}).get("store"):
        return "the monitor cannot read the release store; see its log"
    for job in found_jobs:
        containers = job["spec"]["template"]["spec"]["containers"]
        if not any(one["name"] == PROMOTES for container in containers for one in container.get("env") or ()):
            continue
        if not has_ended(job):
            return f"the Job {name_of(job)} runs and may be promoting"
        ends = [time_of(one["lastTransitionTime"]) for one in job["status"]["conditions"] if one["status"] == "True"]
        if read_at <= max(ends).timestamp():
            return f"the monitor has not read the store since the Job {name_of(job)} ended; try again in a minute"
    return None


def service(found: Object | None, champion: str | None, namespace: str) -> Check:
    """Compare the InferenceService with the store's champion (None: unknown or missing)."""
    name = "served release"
    if found is None:
        if champion:
            return fail(
                name,
                f"{champion} is the champion, but there is no InferenceService",
                f"sentiment promote {champion} --cluster -n {namespace}",
            )
        return warn(
            name,
            "no release is promoted yet",
            f"sentiment train --cluster -n {namespace}, then sentiment promote ID --cluster -n {namespace}",
        )
    uri = str(found["spec"]["predictor"]["model"].get("storageUri", ""))
    if champion and f"/{champion}/" not in uri:
        return fail(
            name,
            f"the champion is {champion} and the InferenceService loads {uri}",
            f"sentiment promote {champion} --cluster -n {namespace}",
        )
    conditions = found.get("status", {}).get("conditions") or ()
    for condition in conditions:
        if condition["type"] == "Ready" and condition["status"] != "True":
            reason = condition.get("message") or condition.get("reason") or "no reason given"
            return fail(
                name,
                f"the InferenceService is not ready: {reason}",
                f"kubectl -n {namespace} get pods -l serving.kserve.io/inferenceservice={name_of(found)}",
            )
    return ok(name, uri)


def kserve(definitions: Sequence[str]) -> Check:
    """Check that the cluster has KServe's definitions."""
    wanted = ("inferenceservices.serving.kserve.io", "servingruntimes.serving.kserve.io")
    missing = [one for one in wanted if one not in definitions]
    if missing:
        return fail("kserve", f"the cluster has no {', '.join(missing)}", "install KServe: k8s/install-kserve.sh")
    return ok("kserve", "installed")
