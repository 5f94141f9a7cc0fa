"""A release becomes what the cluster's InferenceService serves, or the one before it is put back.

The decisions are functions of plain data; the cluster is behind `Cluster` (`training_job.kserve_cluster`).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from training_job.errors import TrainingError

POLL_SECONDS = 2.0
RESTARTS_THAT_TELL = 3  # a container that ended so often will end again


class RolloutError(TrainingError):
    """The cluster does not serve the release."""


@dataclass(frozen=True)
class Target:
    """What an InferenceService is told to serve."""

    storage_uri: str
    release_id: str


@dataclass(frozen=True)
class Service:
    """An InferenceService as it was read.

    Attributes:
        replicas: pods that it has at least.
        version: its resourceVersion; a change names it, so that two changes never mix.
    """

    target: Target
    replicas: int
    version: str


@dataclass(frozen=True)
class Pod:
    """A predictor's pod.

    Attributes:
        release_id: what it was told to serve.
        ready: Kubernetes sends it requests.
        leaving: it has been told to end.
        answers_with: the release that it says it serves, asked directly; None while it does not answer.
        trouble: why it will hardly become ready, in the cluster's words; None while it may.
    """

    name: str
    release_id: str
    ready: bool
    leaving: bool
    answers_with: str | None
    trouble: str | None


@dataclass(frozen=True)
class Verdict:
    """Where a rollout stands, and why."""

    state: Literal["done", "waiting", "failed"]
    why: str


class Cluster(Protocol):
    """The InferenceService and its pods."""

    def read(self) -> Service | None:
        """None where there is none yet."""
        ...

    def create(self, target: Target) -> None: ...

    def point(self, target: Target, version: str) -> None:
        """Serve `target` in place of what stands at `version`.

        Raises:
            RolloutError: somebody changed it since, or it may not be changed.
        """
        ...

    def pods(self) -> Sequence[Pod]: ...


def judge(pods: Sequence[Pod], release_id: str, replicas: int) -> Verdict:
    """Done when as many pods as wanted are ready and answer with the release, and no other pod takes requests."""
    staying = [pod for pod in pods if not pod.leaving]
    mine = [pod for pod in staying if pod.release_id == release_id]
    for pod in mine:
        if pod.trouble:
            return Verdict("failed", f"pod {pod.name}: {pod.trouble}")
        if pod.answers_with not in (None, release_id):
            return Verdict("failed", f"pod {pod.name} answers with release {pod.answers_with}")
    answering = sum(pod.ready and pod.answers_with == release_id for pod in mine)
    others = len(staying) - len(mine)
    if answering >= replicas and not others:
        return Verdict("done", f"{answering} pods serve {release_id}")
    before = f", {others} serve the release before it" if others else ""
    return Verdict("waiting", f"{answering} of {replicas} pods serve {release_id}{before}")


def _await(
    cluster: Cluster, target: Target, replicas: int, seconds: float, on_progress: Callable[[str], None]
) -> Verdict:
    """The verdict that is final, or the one at the end of the time as a failure."""
    end, said = time.monotonic() + seconds, ""
    while True:
        verdict = judge(cluster.pods(), target.release_id, replicas)
        if verdict.why != said:
            said = verdict.why
            on_progress(said)
        if verdict.state != "waiting":
            return verdict
        if time.monotonic() >= end:
            return Verdict("failed", f"after {seconds:.0f} s {verdict.why} (ROLLOUT_TIMEOUT_SECONDS)")
        time.sleep(POLL_SECONDS)


def roll_out(cluster: Cluster, target: Target, *, seconds: float, on_progress: Callable[[str], None]) -> None:
    """Serve the release; the old pods go on serving until the new ones are ready. Run again it takes up where it was.

    Raises:
        RolloutError: the new pods are not ready in time or cannot become so; what was served before is served again.
    """
    before = cluster.read()
    if before is None:
        on_progress("the first release: the InferenceService is made")
        cluster.create(target)
    elif before.target != target:
        cluster.point(target, before.version)
    now = cluster.read()
    if now is None:
        raise RolloutError("the InferenceService was removed while it was changed; promote again")
    verdict = _await(cluster, target, now.replicas, seconds, on_progress)
    if verdict.state == "done":
        return
    if before is None or before.target == target:
        raise RolloutError(
            f"{target.release_id} is not served: {verdict.why}. There is no release to put back; promote another one"
        )
    raise RolloutError(f"{target.release_id} is not served: {verdict.why}. {_put_back(cluster, target, before.target)}")


def _put_back(cluster: Cluster, target: Target, old: Target) -> str:
    """A sentence on what is served now."""
    now = cluster.read()
    if now is None or now.target != target:
        return "Somebody else has changed the InferenceService meanwhile; it was left as it is"
    cluster.point(old, now.version)
    return f"The release before it, {old.release_id}, is put back and served all along"
