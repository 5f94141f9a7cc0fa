"""Faults made on purpose, and their effect on a caller of the Service."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import steps
from commands import NAMESPACE, Failed, console, expect, kubectl, objects, rows_of, shown, wait_for

CLIENTS, RATE = 8, 20.0
SERVER = "serving.kserve.io/inferenceservice=sentiment"


class Load:
    """The load pod while it runs; `result` once it has ended."""

    def __init__(self, seconds: float) -> None:
        self._name = f"load-{int(time.time())}"
        url = f"http://sentiment-predictor.{NAMESPACE}.svc.cluster.local/v2/models/sentiment/infer"
        kubectl("apply", "--filename", "-", stdin=json.dumps(steps.load_pod(self._name, url, seconds, RATE, CLIENTS)))
        kubectl("wait", "--for=condition=Ready", f"pod/{self._name}", "--timeout=120s", timeout=150)
        self._seconds = seconds

    def result(self) -> dict[str, Any]:
        """Wait for the end; return the pod's last output."""
        wait_for(self._ended, "the end of the load", seconds=self._seconds + 120)
        found: dict[str, Any] = json.loads(kubectl("logs", self._name).strip().splitlines()[-1])
        kubectl("delete", "pod", self._name, "--wait=false")
        return found

    def _ended(self) -> bool:
        phase = kubectl("get", "pod", self._name, "--output", "jsonpath={.status.phase}")
        if phase == "Failed":
            raise Failed(f"the load pod failed: {kubectl('logs', self._name)[-500:]}")
        return phase == "Succeeded"


def predictions() -> int:
    return int(rows_of("SELECT count(*) FROM predictions")[0][0])


@contextmanager
def steady_load(seconds: float) -> Iterator[dict[str, Any]]:
    """Send load while the block breaks something; no request may fail and no row may be lost.

    Raises:
        Failed: one did, or was.
    """
    before, found, load = predictions(), {}, Load(seconds)
    time.sleep(5)
    yield found
    result = load.result()
    for failure in result.pop("failures"):
        console.print(f"  {failure}")
    found.update(result)
    expected = before + int(result["rows"])
    with suppress(Failed):  # counted as lost rows below
        wait_for(lambda: predictions() >= expected, "the rows of every answer in Postgres", seconds=180)
    found["rows lost"] = expected - predictions()
    expect(found["failed"] == 0, f"{found['failed']} of {found['answered'] + found['failed']} requests failed")
    expect(found["rows lost"] <= 0, f"{found['rows lost']} rows of {result['rows']} never came to Postgres")


def server_pods() -> list[dict[str, Any]]:
    return objects("pods", SERVER)


def _promotion(change: Callable[[], Any]) -> dict[str, Any]:
    """Send load until after the change has ended."""
    with steady_load(200) as found:
        start = time.monotonic()
        change()
        found["change seconds"] = round(time.monotonic() - start, 1)
    expect(len(found["releases"]) == 2, f"answers came from {found['releases']}, not from an old and a new release")
    return found


def promotion_under_load() -> dict[str, Any]:
    return _promotion(lambda: steps.promote(steps.newest_release()))


def rollback_under_load() -> dict[str, Any]:
    return _promotion(lambda: shown(steps.SENTIMENT, "rollback", "--cluster", "--namespace", NAMESPACE))


def server_pod_deleted() -> dict[str, Any]:
    with steady_load(75) as found:
        victim = server_pods()[0]["metadata"]["name"]
        kubectl("delete", "pod", victim, "--wait=true", timeout=120)
        found["deleted"] = victim
    return found


def postgres_gone(seconds: float = 60) -> dict[str, Any]:
    with steady_load(seconds + 60) as found:
        kubectl("scale", "statefulset/sentiment-postgres", "--replicas=0")
        wait_for(lambda: not objects("pods", "app.kubernetes.io/component=postgres"), "Postgres to be gone", 60, 1)
        time.sleep(seconds)
        kubectl("scale", "statefulset/sentiment-postgres", "--replicas=1")
        kubectl("rollout", "status", "statefulset/sentiment-postgres", "--timeout=120s", timeout=150)
        found["seconds without Postgres"] = seconds
    return found


def upgrade() -> dict[str, Any]:
    """Change a value of the server's pods; every pod is replaced."""
    old = {pod["metadata"]["uid"] for pod in server_pods()}
    with steady_load(150) as found:
        steps.deploy("--set", "server.maxQueueTexts=640")
        wait_for(lambda: not old & {pod["metadata"]["uid"] for pod in server_pods()}, "new server pods", 120)
        found["pods replaced"] = len(old)
    expect(len(found["releases"]) == 1, f"the upgrade changed what is served: {found['releases']}")
    return found


def _delete_once_trained(job: str, percent: int = 30) -> str:
    """Delete the Job's pod once its training has checkpoints; return the pod's name."""
    selector = f"batch.kubernetes.io/job-name={job}"

    def trained() -> str | None:
        for pod in objects("pods", selector):
            name = str(pod["metadata"]["name"])
            done = [int(share) for share in re.findall(r"train: (\d+) %", kubectl("logs", name, "--tail=-1"))]
            if pod["status"]["phase"] == "Running" and max(done, default=0) >= percent:
                return name
        return None

    victim = wait_for(trained, f"{percent} % of {job}", seconds=900)
    kubectl("delete", "pod", victim, "--grace-period=0", "--force")
    return victim


def training_pod_deleted() -> dict[str, Any]:
    """The retraining that the drift verdict started uses the first training's rows and seed, so it must find the same
    weights, although its pod is killed on the way."""
    job = steps.retraining_job()
    first = steps.newest_release()
    victim = _delete_once_trained(job)
    steps.job_completed(job, 1200)
    second = wait_for(lambda: (newest := steps.newest_release()) != first and newest, "a second release", 30)
    log = kubectl("logs", "--selector", f"batch.kubernetes.io/job-name={job}", "--tail=-1")
    expect("resumes after step" in log, f"{job} did not resume from a checkpoint:\n{log[-1000:]}")
    one, two = steps.weights_hash(first), steps.weights_hash(second)
    expect(one == two, f"weights differ: {one} undisturbed, {two} resumed")
    pods = [pod["metadata"]["name"] for pod in objects("pods", f"batch.kubernetes.io/job-name={job}")]
    return {"killed": victim, "resumed in": pods, "release": second, "weights": two[:16], "same as undisturbed": True}
