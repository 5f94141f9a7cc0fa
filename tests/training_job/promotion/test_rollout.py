"""The cluster serves the new release, or the previous one is restored; never something in between."""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training_job.promotion import rollout
from training_job.promotion.kserve import hopeless, release_in
from training_job.promotion.rollout import Pod, RolloutError, Service, Target, judge, roll_out

OLD, NEW = Target("s3://b/releases/old/serving/", "0" * 16), Target("s3://b/releases/new/serving/", "1" * 16)


def pod(
    release: str,
    name: str = "p",
    *,
    ready: bool = True,
    leaving: bool = False,
    answers: str | None = "",
    trouble: str | None = None,
) -> Pod:
    return Pod(name, release, ready, leaving, release if answers == "" else answers, trouble)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "POLL_SECONDS", 0.001)


@pytest.mark.parametrize(
    ("pods", "state"),
    [
        ([], "waiting"),
        ([pod("new")], "waiting"),
        ([pod("new"), pod("new", ready=False, answers=None)], "waiting"),
        ([pod("new"), pod("new")], "done"),
        ([pod("new"), pod("new"), pod("old")], "waiting"),
        ([pod("new"), pod("new"), pod("old", leaving=True)], "done"),
        ([pod("new"), pod("new", answers=None)], "waiting"),
        ([pod("new"), pod("new", answers="old")], "failed"),
        ([pod("new"), pod("new", ready=False, answers=None, trouble="no image")], "failed"),
        ([pod("new"), pod("new"), pod("old", ready=False, answers=None, trouble="no image")], "waiting"),
    ],
)
def test_a_rollout_is_done_when_every_pod_that_stays_answers_with_the_release(pods: list[Pod], state: str) -> None:
    assert judge(pods, "new", 2).state == state


@given(
    st.lists(st.builds(pod, st.sampled_from(["old", "new"]), ready=st.booleans(), leaving=st.booleans()), max_size=6)
)
def test_done_means_that_no_request_can_reach_the_release_before_it(pods: list[Pod]) -> None:
    if judge(pods, "new", 1).state == "done":
        staying = [one for one in pods if not one.leaving]
        assert staying and all(one.release_id == "new" for one in staying)


@dataclass
class FakeCluster:
    """A cluster whose pods are what `behave` makes of the target that was set last."""

    behave: Callable[[Target], Sequence[Pod]]
    target: Target | None = OLD
    version: int = 1
    pointed: list[Target] = field(default_factory=list)

    def read(self) -> Service | None:
        return None if self.target is None else Service(self.target, 2, str(self.version))

    def create(self, target: Target) -> None:
        assert self.target is None
        self.target = target

    def point(self, target: Target, version: str) -> None:
        if version != str(self.version):
            raise RolloutError("changed by somebody else")
        self.target, self.version = target, self.version + 1
        self.pointed.append(target)

    def pods(self) -> Sequence[Pod]:
        assert self.target is not None
        return self.behave(self.target)


def healthy(target: Target) -> list[Pod]:
    return [pod(target.release_id, "a"), pod(target.release_id, "b")]


def go(cluster: FakeCluster, seconds: float = 5) -> list[str]:
    lines: list[str] = []
    roll_out(cluster, NEW, seconds=seconds, on_progress=lines.append)
    return lines


def test_new_pods_are_waited_for() -> None:
    cluster = FakeCluster(healthy)
    assert go(cluster)[-1] == f"2 pods serve {NEW.release_id}"
    assert cluster.pointed == [NEW]


def test_the_first_release_makes_the_service() -> None:
    cluster = FakeCluster(healthy, target=None)
    go(cluster)
    assert cluster.target == NEW and cluster.pointed == []


def test_run_again_after_a_crash_it_only_waits() -> None:
    cluster = FakeCluster(healthy, target=NEW)
    go(cluster)
    assert cluster.pointed == []


@pytest.mark.parametrize("trouble", ["kserve-container ended 3 times: golden inputs differ", None])
def test_pods_that_do_not_become_ready_bring_the_old_release_back(trouble: str | None) -> None:
    def behave(target: Target) -> list[Pod]:
        stuck = pod(target.release_id, "new", ready=False, answers=None, trouble=trouble)
        return healthy(OLD) if target == OLD else [*healthy(OLD), stuck]

    cluster = FakeCluster(behave)
    with pytest.raises(RolloutError, match=trouble or "ROLLOUT_TIMEOUT_SECONDS") as caught:
        go(cluster, seconds=0.05)
    assert cluster.pointed == [NEW, OLD] and "is restored" in str(caught.value)


def test_what_somebody_else_did_meanwhile_is_left_alone() -> None:
    third = replace(NEW, release_id="2" * 16)
    cluster = FakeCluster(healthy)

    def behave(target: Target) -> list[Pod]:
        cluster.target = third  # another promotion
        return [pod(target.release_id, ready=False, answers=None, trouble="no image")]

    cluster.behave = behave
    with pytest.raises(RolloutError, match="changed by somebody else meanwhile, and stays as it is"):
        go(cluster)
    assert cluster.target == third


def hiccup_once(then: Callable[[Target], Sequence[Pod]], raised: BaseException) -> Callable[[Target], Sequence[Pod]]:
    left = [raised]

    def behave(target: Target) -> Sequence[Pod]:
        if left:
            raise left.pop()
        return then(target)

    return behave


def test_a_cluster_that_does_not_answer_for_a_moment_is_queried_again() -> None:
    cluster = FakeCluster(hiccup_once(healthy, RolloutError("listing pods: the cluster does not answer")))
    lines = go(cluster)
    assert lines == ["listing pods: the cluster does not answer", f"2 pods serve {NEW.release_id}"]
    assert cluster.pointed == [NEW]


def test_a_cluster_that_does_not_answer_in_time_gets_the_old_release_back() -> None:
    def behave(target: Target) -> list[Pod]:
        raise RolloutError("listing pods: the cluster refuses: no")

    cluster = FakeCluster(behave)
    with pytest.raises(RolloutError, match=r"the cluster refuses: no .*is restored"):
        go(cluster, seconds=0.05)
    assert cluster.pointed == [NEW, OLD]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), ZeroDivisionError()])
def test_whatever_ends_a_rollout_puts_the_old_release_back(error: BaseException) -> None:
    cluster = FakeCluster(hiccup_once(healthy, error))
    with pytest.raises(type(error)):
        go(cluster)
    assert cluster.target == OLD


@pytest.mark.parametrize(("number", "error"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_puts_the_old_release_back_however_often_it_comes(number: int, error: type[BaseException]) -> None:
    before = signal.getsignal(signal.SIGTERM)

    class Nagged(FakeCluster):
        def point(self, target: Target, version: str) -> None:
            if target == OLD:
                signal.raise_signal(number)
            super().point(target, version)

    def behave(target: Target) -> list[Pod]:
        signal.raise_signal(number)
        raise AssertionError("the signal ends it")

    cluster = Nagged(behave)
    with pytest.raises(error):
        go(cluster)
    assert cluster.target == OLD
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("applied", [True, False])
def test_a_change_whose_answer_is_lost_is_undone(applied: bool) -> None:
    class Deaf(FakeCluster):
        def point(self, target: Target, version: str) -> None:
            if applied or target == OLD:
                super().point(target, version)
            if target == NEW:
                raise RolloutError("changing the InferenceService: the cluster does not answer")

    cluster = Deaf(healthy)
    with pytest.raises(RolloutError, match=r"does not answer.*(is restored|served as before)"):
        go(cluster)
    assert cluster.target == OLD


def test_putting_back_is_tried_again_when_the_object_moved_on() -> None:
    """KServe's controller writes the object's status during a rollout, and each write is another version."""

    class Busy(FakeCluster):
        refused = 0

        def point(self, target: Target, version: str) -> None:
            if target == OLD and self.refused < 3:
                self.refused += 1
                raise RolloutError("changed by somebody else just now")
            super().point(target, version)

    cluster = Busy(lambda target: [pod(target.release_id, ready=False, answers=None, trouble="no image")])
    with pytest.raises(RolloutError, match="is restored"):
        go(cluster)
    assert cluster.target == OLD


def test_a_failed_restoration_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "RESTORE_SECONDS", 0.01)

    class Gone(FakeCluster):
        def point(self, target: Target, version: str) -> None:
            if target == OLD:
                raise RolloutError("the cluster does not answer")
            super().point(target, version)

    cluster = Gone(lambda target: [pod(target.release_id, ready=False, answers=None, trouble="no image")])
    with pytest.raises(RolloutError, match=rf"no image.*could not be restored.*promote {OLD.release_id}"):
        go(cluster)


def test_the_first_release_has_nothing_to_put_back() -> None:
    cluster = FakeCluster(
        lambda target: [pod(target.release_id, ready=False, answers=None, trouble="no image")], target=None
    )
    with pytest.raises(RolloutError, match="no previous release to restore"):
        go(cluster)
    assert cluster.target == NEW


def container(name: str, restarts: int = 0, **state: dict[str, object]) -> dict[str, object]:
    last = state.pop("last", None)
    return {"name": name, "restartCount": restarts, "state": state, "lastState": {"terminated": last} if last else {}}


def test_a_rollout_gives_up_on_pods_that_will_not_recover() -> None:
    pull = {"reason": "ImagePullBackOff", "message": "not found"}
    crash = {"reason": "CrashLoopBackOff"}
    image = container("kserve-container", waiting=pull)
    ran = container("kserve-container", 1, waiting=pull)
    crashes = container("storage-initializer", 3, waiting=crash, last={"message": "first\nno such bucket"})
    young = container("kserve-container", 1, waiting=crash)
    assert hopeless({"containerStatuses": [image]}) == "kserve-container: ImagePullBackOff: not found"
    assert hopeless({"initContainerStatuses": [crashes]}) == "storage-initializer ended 3 times: no such bucket"
    assert hopeless({"containerStatuses": [ran]}) is None
    assert hopeless({"containerStatuses": [young]}) is None
    assert hopeless({}) is None


def test_the_release_is_read_from_the_environment() -> None:
    assert release_in([{"name": "A", "value": "1"}, {"name": "RELEASE_ID", "value": "x"}]) == "x"
    assert release_in(None) == "" and release_in([{"name": "A"}]) == ""
