"""What is wrong in a namespace, from its objects as plain data: one sentence a finding, with its remedy."""

from collections.abc import Iterable, Sequence
from typing import Any

from sentiment_cli.checks.check import Check, fail, ok, warn

Object = dict[str, Any]
_IMAGE = {"ErrImagePull", "ImagePullBackOff", "InvalidImageName"}
_MISSING = {"CreateContainerConfigError"}


def _name(thing: Object) -> str:
    return str(thing["metadata"]["name"])


def _containers(pod: Object) -> Iterable[Object]:
    status = pod.get("status", {})
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _last_words(container: Object) -> str:
    ended = (
        (container.get("lastState") or {}).get("terminated") or (container.get("state") or {}).get("terminated") or {}
    )
    lines = (ended.get("message") or ended.get("reason") or "").strip().splitlines()
    return lines[-1][-300:] if lines else "it said nothing"


def pods(found: Sequence[Object], namespace: str) -> list[Check]:
    """Pods that cannot start or end again and again; one line when all are well."""
    bad = [check for pod in found if (check := _pod(pod, namespace))]
    running = sum(pod.get("status", {}).get("phase") == "Running" for pod in found)
    return bad or [ok("pods", f"{running} run, none in trouble")]


def _pod(pod: Object, namespace: str) -> Check | None:
    name = f"pod {_name(pod)}"
    status = pod.get("status", {})
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return fail(name, f"no node takes it: {condition.get('message', '')}", "free room, or lower its requests")
    for container in _containers(pod):
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason, said = waiting.get("reason", ""), str(waiting.get("message", ""))[:300]
        if reason in _IMAGE:
            return fail(
                name,
                f"the image {container['image']} cannot be had: {said}",
                "check image.registry and image.tag, or global.imagePullSecrets",
            )
        if reason in _MISSING:
            return fail(
                name, f"an object that it needs is missing: {said}", "create it, or name another in the chart's values"
            )
        if reason == "CrashLoopBackOff":
            again = f"kubectl -n {namespace} logs {_name(pod)} -c {container['name']} --previous"
            return fail(
                name,
                f"{container['name']} ended {container.get('restartCount', 0)} times: {_last_words(container)}",
                again,
            )
    return None


def claims(found: Sequence[Object]) -> list[Check]:
    """Volumes that wait for storage."""
    pending = [_name(claim) for claim in found if claim.get("status", {}).get("phase") == "Pending"]
    if pending:
        remedy = "set global.storageClass (kubectl get storageclass); one that binds at first use waits for its pod"
        return [warn("volumes", f"no storage yet for {', '.join(pending)}", remedy)]
    return [ok("volumes", f"{len(found)} bound")]


def jobs(found: Sequence[Object], namespace: str) -> list[Check]:
    """Per component the newest Job that ended, if it failed."""
    newest: dict[str, Object] = {}
    for job in sorted(found, key=lambda job: job["metadata"]["creationTimestamp"]):
        if any(one["status"] == "True" for one in job.get("status", {}).get("conditions") or ()):
            newest[job["metadata"].get("labels", {}).get("app.kubernetes.io/component", _name(job))] = job
    bad = []
    for component, job in newest.items():
        for condition in job["status"]["conditions"]:
            if condition["type"] == "Failed" and condition["status"] == "True":
                said = condition.get("message") or condition.get("reason", "")
                bad.append(
                    fail(
                        component,
                        f"its last Job {_name(job)} failed: {said}",
                        f"kubectl -n {namespace} logs job/{_name(job)}",
                    )
                )
    return bad or [ok("jobs", f"{len(newest)} components, each one's last Job succeeded")]


def service(found: Object | None, champion: str | None, namespace: str) -> Check:
    """The InferenceService against the champion of the store (None: unknown or none)."""
    name = "served release"
    if found is None:
        if champion:
            return fail(
                name,
                f"{champion} is the champion and there is no InferenceService",
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
            said = condition.get("message") or condition.get("reason") or "no reason given"
            return fail(
                name,
                f"the InferenceService is not ready: {said}",
                f"kubectl -n {namespace} get pods -l serving.kserve.io/inferenceservice={_name(found)}",
            )
    return ok(name, uri)


def kserve(definitions: Sequence[str]) -> Check:
    """Whether the cluster knows KServe's objects."""
    wanted = ("inferenceservices.serving.kserve.io", "servingruntimes.serving.kserve.io")
    missing = [one for one in wanted if one not in definitions]
    if missing:
        return fail("kserve", f"the cluster has no {', '.join(missing)}", "install KServe: k8s/install-kserve.sh")
    return ok("kserve", "installed")
