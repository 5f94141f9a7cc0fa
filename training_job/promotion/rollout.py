"""Rollout of a release to the cluster's InferenceService; a failed rollout restores the previous release.

Decisions are functions of plain data; the protocol `Cluster` hides the cluster (`training_job.promotion.kserve`).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from training_job.errors import TrainingError
from training_job.stopping import Interruptions

POLL_SECONDS = 2.0
RESTORE_SECONDS = 20.0  # less than the 30 s between a pod's SIGTERM and SIGKILL
HOPELESS_RESTARTS = 3  # a container that crashed so often will crash again


class RolloutError(TrainingError):
    """The cluster does not serve the release."""


@dataclass(frozen=True)
class Target:
    """The release that an InferenceService is configured to serve."""

    storage_uri: str
    release_id: str


@dataclass(frozen=True)
class Service:
    """State of an InferenceService.

    Attributes:
        replicas: its minimum number of pods.
        version: its resourceVersion; a change names the version, so that the API refuses one of two concurrent changes.
    """

    target: Target
    replicas: int
    version: str


@dataclass(frozen=True)
class Pod:
    """A predictor's pod.

    Attributes:
        release_id: the release that it is configured to serve.
        ready: whether Kubernetes sends it requests.
        leaving: whether it is being deleted.
        answers_with: the release that the pod itself reports; None while it does not answer.
        trouble: why it is unlikely to become ready, in the cluster's words; None while it may.
    """

    name: str
    release_id: str
    ready: bool
    leaving: bool
    answers_with: str | None
    trouble: str | None


@dataclass(frozen=True)
class Verdict:
    """State of a rollout, and the reason."""

    state: Literal["done", "waiting", "failed"]
    why: str


class Cluster(Protocol):
    """The InferenceService and its pods."""

    def read(self) -> Service | None:
        """Return the InferenceService; None before it exists."""
        ...

    def create(self, target: Target) -> None: ...

    def point(self, target: Target, version: str) -> None:
        """Serve `target`, if the InferenceService still has this version.

        Raises:
            RolloutError: its version is another one, or the cluster refuses the change.
        """
        ...

    def pods(self) -> Sequence[Pod]: ...


def judge(pods: Sequence[Pod], release_id: str, replicas: int) -> Verdict:
    """Judge a rollout: done when `replicas` pods are ready and answer with the release, and no other pod serves."""
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
    before = f", {others} serve the previous release" if others else ""
    return Verdict("waiting", f"{answering} of {replicas} pods serve {release_id}{before}")


def _look(cluster: Cluster, target: Target) -> Verdict:
    """Judge the rollout now. A cluster that does not answer may answer the next time."""
    try:
        now = cluster.read()
        if now is None:
            return Verdict("failed", "the InferenceService was deleted during the rollout")
        return judge(cluster.pods(), target.release_id, now.replicas)
    except RolloutError as error:
        return Verdict("waiting", str(error))


def _await(cluster: Cluster, target: Target, seconds: float, on_progress: Callable[[str], None]) -> None:
    """Wait until the pods serve the target.

    Raises:
        RolloutError: the pods do not serve the target in time, or cannot.
    """
    end, shown = time.monotonic() + seconds, ""
    while True:
        verdict = _look(cluster, target)
        if verdict.why != shown:
            shown = verdict.why
            on_progress(shown)
        if verdict.state == "done":
            return
        if verdict.state == "failed":
            raise RolloutError(f"{target.release_id} is not served: {shown}")
        if time.monotonic() >= end:
            raise RolloutError(
                f"{target.release_id} is not served: after {seconds:.0f} s {shown} (ROLLOUT_TIMEOUT_SECONDS)"
            )
        time.sleep(POLL_SECONDS)


def roll_out(cluster: Cluster, target: Target, *, seconds: float, on_progress: Callable[[str], None]) -> None:
    """Serve the release. The old pods serve until the new ones are ready; a repetition resumes an interrupted rollout.

    An error, SIGTERM or Ctrl-C restores the previous release.

    Raises:
        RolloutError: the new pods are not ready in time, or cannot become ready. The previous release is served again,
            or the message names the remedy.
    """
    before = cluster.read()
    if before is None:
        on_progress("the first release: the InferenceService is created")
        cluster.create(target)
    if before is None or before.target == target:
        try:
            _await(cluster, target, seconds, on_progress)
        except RolloutError as error:
            raise RolloutError(f"{error}. There is no previous release to restore; promote another one") from error
        return
    with Interruptions() as interruptions:
        try:
            cluster.point(target, before.version)
            _await(cluster, target, seconds, on_progress)
        except BaseException as error:
            with interruptions.held():
                done = _restore(cluster, target, before.target)
                on_progress(done)
            if isinstance(error, RolloutError):
                raise RolloutError(f"{error}. {done}") from error
            raise


def _restore(cluster: Cluster, target: Target, old: Target) -> str:
    """Serve the previous release again; return a sentence on what is served now.

    A refusal is retried: KServe's controller writes the object's status, and each write changes its version.
    """
    end = time.monotonic() + RESTORE_SECONDS
    while True:
        try:
            now = cluster.read()
            if now is None or now.target not in (target, old):
                return "The InferenceService was changed by somebody else meanwhile, and stays as it is"
            if now.target == old:
                return f"The previous release, {old.release_id}, is served as before"
            cluster.point(old, now.version)
            return f"The previous release, {old.release_id}, is restored and was served throughout"
        except RolloutError as error:
            if time.monotonic() >= end:
                return f"The previous release could not be restored ({error}): promote {old.release_id}"
        time.sleep(POLL_SECONDS)
