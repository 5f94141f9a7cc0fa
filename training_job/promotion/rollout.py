"""A release becomes what the cluster's InferenceService serves, or the one before it is put back.

The decisions are functions of plain data; the cluster is behind `Cluster` (`training_job.promotion.kserve`).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from training_job.errors import TrainingError
from training_job.stopping import Interruptions

POLL_SECONDS = 2.0
PUT_BACK_SECONDS = 20.0  # less than the 30 s that a pod has from SIGTERM on
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


def _look(cluster: Cluster, target: Target) -> Verdict:
    """Where the rollout stands now. A cluster that does not answer this time may do so the next."""
    try:
        now = cluster.read()
        if now is None:
            return Verdict("failed", "the InferenceService was removed while it was changed")
        return judge(cluster.pods(), target.release_id, now.replicas)
    except RolloutError as error:
        return Verdict("waiting", str(error))


def _await(cluster: Cluster, target: Target, seconds: float, on_progress: Callable[[str], None]) -> None:
    """
    Raises:
        RolloutError: the pods do not serve the target in time, or cannot.
    """
    end, said = time.monotonic() + seconds, ""
    while True:
        verdict = _look(cluster, target)
        if verdict.why != said:
            said = verdict.why
            on_progress(said)
        if verdict.state == "done":
            return
        if verdict.state == "failed":
            raise RolloutError(f"{target.release_id} is not served: {said}")
        if time.monotonic() >= end:
            raise RolloutError(
                f"{target.release_id} is not served: after {seconds:.0f} s {said} (ROLLOUT_TIMEOUT_SECONDS)"
            )
        time.sleep(POLL_SECONDS)


def roll_out(cluster: Cluster, target: Target, *, seconds: float, on_progress: Callable[[str], None]) -> None:
    """Serve the release; the old pods go on serving until the new ones are ready. Run again it takes up where it was.

    Whatever ends it early, SIGTERM and Ctrl-C among it, puts back what was served before.

    Raises:
        RolloutError: the new pods are not ready in time or cannot become so; what was served before is served again,
            or the message says what is to be done.
    """
    before = cluster.read()
    if before is None:
        on_progress("the first release: the InferenceService is made")
        cluster.create(target)
    if before is None or before.target == target:
        try:
            _await(cluster, target, seconds, on_progress)
        except RolloutError as error:
            raise RolloutError(f"{error}. There is no release to put back; promote another one") from error
        return
    with Interruptions() as interruptions:
        try:
            cluster.point(target, before.version)
            _await(cluster, target, seconds, on_progress)
        except BaseException as error:
            with interruptions.held():
                done = _put_back(cluster, target, before.target)
                on_progress(done)
            if isinstance(error, RolloutError):
                raise RolloutError(f"{error}. {done}") from error
            raise


def _put_back(cluster: Cluster, target: Target, old: Target) -> str:
    """A sentence on what is served now. A refusal is tried again: KServe's controller writes the object's status, and
    each writing makes another version of it."""
    end = time.monotonic() + PUT_BACK_SECONDS
    while True:
        try:
            now = cluster.read()
            if now is None or now.target not in (target, old):
                return "Somebody else has changed the InferenceService meanwhile; it was left as it is"
            if now.target == old:
                return f"The release before it, {old.release_id}, is served as before"
            cluster.point(old, now.version)
            return f"The release before it, {old.release_id}, is put back and served all along"
        except RolloutError as error:
            if time.monotonic() >= end:
                return f"The release before it could not be put back ({error}): promote {old.release_id}"
        time.sleep(POLL_SECONDS)
