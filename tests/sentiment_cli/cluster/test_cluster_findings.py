"""Findings of `doctor --cluster` on a namespace's objects: a sentence and a remedy for each user error."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sentiment_cli.checks.check import Check, State
from sentiment_cli.cluster import findings
from sentiment_cli.cluster.findings import Object
from sentiment_cli.cluster.pod_findings import pods

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
CHAMPION, OTHER = "0" * 16, "1" * 16
TRACEBACK = "Traceback\nsentiment: error: the bucket nope does not exist; check objectStore.bucket"


def ago(seconds: float) -> str:
    return (NOW - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod(
    phase: str = "Running", *containers: Object, name: str = "p", ready_since: float | None = None, **more: Any
) -> Object:
    """`ready_since`: seconds for which it has not been ready; None for ready."""
    ready = {
        "type": "Ready",
        "status": "False" if ready_since is not None else "True",
        "lastTransitionTime": ago(ready_since or 0),
    }
    metadata = {"name": name, "uid": name, "creationTimestamp": ago(1000)}
    owners = more.pop("owner", None)
    if owners:
        metadata["ownerReferences"] = [{"kind": owners, "uid": "job", "name": "j"}]
    return {
        "metadata": metadata,
        "status": {"phase": phase, "conditions": [ready], "containerStatuses": list(containers), **more},
    }


def container(state: Object, *, restarts: int = 0, last: Object | None = None) -> Object:
    return {
        "name": "c",
        "image": "registry/server:1",
        "restartCount": restarts,
        "state": state,
        "lastState": {"terminated": last} if last else {},
    }


def waits(reason: str, message: str = "") -> Object:
    return container({"waiting": {"reason": reason, "message": message}})


def ended(code: int = 1, message: str = TRACEBACK) -> Object:
    return container({"terminated": {"exitCode": code, "message": message, "reason": "Error"}})


RUNNING = container({"running": {"startedAt": ago(900)}})
CREATING = waits("ContainerCreating")


def warning(reason: str, message: str, seconds: float = 10, uid: str = "p") -> Object:
    return {"involvedObject": {"uid": uid}, "reason": reason, "message": message, "lastTimestamp": ago(seconds)}


def of(one: Object, *events: Object) -> Check:
    (check,) = pods([one], events, "ns", NOW)
    return check


MOUNT = warning("FailedMount", 'MountVolume.SetUp failed for volume "keys" : secret "nope" not found')


@pytest.mark.parametrize(
    ("one", "events", "words"),
    [
        (pod("Pending", waits("ImagePullBackOff", "not found"), ready_since=9), [], ["registry/server:1", "not found"]),
        (pod("Pending", waits("ErrImagePull"), ready_since=9), [], ["the image registry/server:1 cannot be pulled"]),
        (pod("Pending", waits("CreateContainerConfigError", 'secret "a" not found')), [], ['secret "a" not found']),
        (pod("Pending", waits("CreateContainerError", "exec: no such file")), [], ["exec: no such file"]),
        (
            pod("Running", container(waits("CrashLoopBackOff")["state"], restarts=3, last={"message": TRACEBACK})),
            [],
            ["ended 3 times: ", "the bucket nope does not exist"],
        ),
        (pod("Pending", CREATING, ready_since=60), [MOUNT], ["a volume cannot be mounted", 'secret "nope" not found']),
        (pod("Pending", CREATING, ready_since=600), [], ["not ready for 10 minutes", "ContainerCreating"]),
        (
            pod("Running", RUNNING, ready_since=600),
            [warning("Unhealthy", "old", 500), warning("Unhealthy", "Readiness probe failed:\n 503", 5)],
            ["not ready for 10 minutes: Readiness probe failed: 503"],
        ),
        (pod("Running", RUNNING, ready_since=600), [], ["not ready for 10 minutes: no reason given"]),
        (pod("Failed", ended()), [], ["it failed: ", "the bucket nope does not exist"]),
        (pod("Failed", reason="Evicted", message="The node was low on memory"), [], ["low on memory"]),
    ],
)
def test_a_pod_in_trouble(one: Object, events: list[Object], words: list[str]) -> None:
    check = of(one, *events)
    assert check.state is State.FAIL and check.name == "pod p" and check.remedy
    assert all(each in check.found for each in words), check.found
    assert "\n" not in check.found


def test_a_pod_that_no_node_takes() -> None:
    one = pod("Pending")
    one["status"]["conditions"] = [
        {"type": "PodScheduled", "status": "False", "message": "0/1 nodes: Insufficient cpu"}
    ]
    assert "Insufficient cpu" in of(one).found


@pytest.mark.parametrize(
    ("one", "events"),
    [
        (pod("Running", RUNNING), []),
        (pod("Running", RUNNING), [warning("Unhealthy", "a while ago")]),
        (pod("Running", RUNNING, ready_since=200), [warning("Unhealthy", "starting")]),
        (pod("Pending", CREATING, ready_since=5), [MOUNT]),
        (pod("Pending", CREATING, ready_since=60), [warning("FailedMount", "another's", uid="q")]),
        (pod("Running", RUNNING, ready_since=60), [MOUNT]),
        (pod("Succeeded", ended(0, ""), ready_since=9000), []),
        (pod("Failed", ended(), owner="Job", ready_since=9000), []),
    ],
)
def test_a_pod_that_is_well_or_may_become_so(one: Object, events: list[Object]) -> None:
    check = of(one, *events)
    assert check.state is State.OK and "none in trouble" in check.found


def test_a_pod_that_is_leaving_is_left_alone() -> None:
    one = pod("Running", RUNNING, ready_since=900)
    one["metadata"]["deletionTimestamp"] = ago(20)
    assert of(one).state is State.OK


def test_a_pod_that_was_replaced_is_no_failure() -> None:
    check = of(pod("Failed", owner="ReplicaSet", reason="Evicted", message="low on memory"))
    assert check.state is State.WARN and "another took its place: low on memory" in check.found


def job(
    *conditions: tuple[str, str],
    name: str = "j",
    component: str = "training",
    made: float = 100,
    promotes: bool = False,
    at: float = 50,
) -> Object:
    return {
        "metadata": {
            "name": name,
            "uid": "job" if name == "j" else name,
            "creationTimestamp": ago(made),
            "labels": {"app.kubernetes.io/component": component},
        },
        "spec": {
            "template": {
                "spec": {"containers": [{"name": "c", "env": [{"name": "INFERENCE_SERVICE"}] if promotes else []}]}
            }
        },
        "status": {
            "conditions": [
                {"type": kind, "status": "True", "message": message, "lastTransitionTime": ago(at)}
                for kind, message in conditions
            ]
        },
    }


FAILED = ("Failed", "Job has reached the specified backoff limit")
COMPLETE = ("Complete", "")


def test_a_failed_job_is_reported_in_its_pods_words() -> None:
    (check,) = findings.jobs([job(FAILED)], [pod("Failed", ended(), owner="Job")], "ns")
    assert check.state is State.FAIL and check.name == "training"
    assert "the bucket nope does not exist" in check.found and "backoff limit" in check.found
    assert "Traceback" not in check.found and check.remedy == "kubectl -n ns logs job/j"


def test_a_failed_job_without_pods_is_reported_in_the_clusters_words() -> None:
    (check,) = findings.jobs([job(("Failed", "Job was active longer than specified deadline"))], [], "ns")
    assert check.found.endswith("failed: Job was active longer than specified deadline")


def test_the_last_attempt_of_a_job_is_reported() -> None:
    first, last = pod("Failed", ended(1, "first"), owner="Job"), pod("Failed", ended(1, "last"), owner="Job")
    last["metadata"]["creationTimestamp"] = ago(1)
    for order in ([first, last], [last, first]):
        (check,) = findings.jobs([job(FAILED)], order, "ns")
        assert ": last (" in check.found


def test_a_job_that_retries_is_reported_with_the_reason() -> None:
    (check,) = findings.jobs([job()], [pod("Failed", ended(), owner="Job")], "ns")
    assert check.state is State.WARN and "another follows" in check.found and "bucket nope" in check.found


@pytest.mark.parametrize(
    "found",
    [
        [],
        [job(COMPLETE)],
        [job()],
        [job(FAILED, made=200), job(COMPLETE, name="k", made=100)],
        [job(("Suspended", "waits for its turn"))],
        [job(("SuccessCriteriaMet", "")), job(COMPLETE, name="k")],
    ],
)
def test_jobs_that_are_well(found: list[Object]) -> None:
    (check,) = findings.jobs(found, [pod("Running", RUNNING, owner="Job")], "ns")
    assert check.state is State.OK


def test_a_component_whose_newest_job_failed_is_named_though_an_older_one_did_not() -> None:
    found = [job(COMPLETE, name="k", made=200), job(FAILED), job(COMPLETE, name="d", component="drift")]
    assert [check.name for check in findings.jobs(found, [], "ns")] == ["training"]


def isvc(release: str, *conditions: tuple[str, str]) -> Object:
    return {
        "metadata": {"name": "sentiment"},
        "spec": {"predictor": {"model": {"storageUri": f"s3://b/sentiment/releases/{release}/serving/"}}},
        "status": {"conditions": [{"type": kind, "status": status, "message": "why"} for kind, status in conditions]},
    }


@pytest.mark.parametrize(
    ("found", "champion", "state", "words"),
    [
        (None, None, State.WARN, "no release is promoted yet"),
        (None, CHAMPION, State.FAIL, "there is no InferenceService"),
        (isvc(CHAMPION, ("Ready", "True")), CHAMPION, State.OK, CHAMPION),
        (isvc(CHAMPION, ("Ready", "True")), None, State.OK, CHAMPION),
        (isvc(OTHER, ("Ready", "True")), CHAMPION, State.FAIL, f"the champion is {CHAMPION}"),
        (isvc(CHAMPION, ("Ready", "False")), CHAMPION, State.FAIL, "not ready: why"),
        (isvc(CHAMPION, ("PredictorReady", "False")), CHAMPION, State.OK, CHAMPION),
    ],
)
def test_what_is_served_against_the_champion(
    found: Object | None, champion: str | None, state: State, words: str
) -> None:
    check = findings.service(found, champion, "ns")
    assert check.state is state and words in check.found


def read(seconds_ago: float, up: bool = True) -> Object:
    at = (NOW - timedelta(seconds=seconds_ago)).timestamp()
    return {"champion": CHAMPION, "up": {"store": up}, "read_at": {"store": at}}


@pytest.mark.parametrize(
    ("status", "found", "words"),
    [
        (read(1), [], None),
        (read(1), [job(COMPLETE, promotes=True, at=50)], None),
        (read(1), [job(FAILED, promotes=True, at=50), job(name="t")], None),
        (read(60), [job(COMPLETE, promotes=True, at=50)], "try again in a minute"),
        (read(60), [job(COMPLETE, at=50)], None),
        (read(1), [job(promotes=True)], "the Job j runs"),
        (read(1, up=False), [], "cannot read the release store"),
        ({"champion": None, "up": {}, "read_at": {}}, [], "cannot read the release store"),
    ],
)
def test_the_champion_counts_only_when_nothing_has_moved_it_since(
    status: Object, found: list[Object], words: str | None
) -> None:
    why = findings.why_champion_unknown(status, found)
    assert why is None if words is None else words in (why or "")


def test_claims_and_kserve() -> None:
    claim = {"metadata": {"name": "data"}, "status": {"phase": "Pending"}}
    (waiting,) = findings.claims([claim])
    assert waiting.state is State.WARN and "data" in waiting.found and "storageClass" in waiting.remedy
    assert findings.claims([{**claim, "status": {"phase": "Bound"}}])[0].state is State.OK
    kinds = ["inferenceservices.serving.kserve.io", "servingruntimes.serving.kserve.io"]
    assert findings.kserve(kinds).state is State.OK
    missing = findings.kserve(kinds[:1])
    assert missing.state is State.FAIL and "servingruntimes" in missing.found and "install-kserve" in missing.remedy
