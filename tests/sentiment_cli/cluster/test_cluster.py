"""`--cluster` against an API server: Jobs are made and followed, the namespace is examined, refusals are reported."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kit import kube_config
from kit.kube_api import KubeApi, Object, Served
from typer.testing import CliRunner

from drift_cronjob.monitor.app import make_app
from drift_cronjob.monitor.figures import Release
from drift_cronjob.monitor.watch import Figures
from sentiment_cli.cluster import jobs as cluster_jobs
from sentiment_cli.cluster import monitor
from sentiment_cli.cluster.api import ClusterError, Installation, connect
from sentiment_cli.cluster.app import app
from sentiment_cli.cluster.jobs import ClusterJob
from sentiment_cli.cluster.monitor import MonitorAway

PODS, CONFIG_MAPS = "/api/v1/namespaces/ns/pods", "/api/v1/namespaces/ns/configmaps"
JOBS, CRON_JOBS = "/apis/batch/v1/namespaces/ns/jobs", "/apis/batch/v1/namespaces/ns/cronjobs"
SERVICES = "/apis/serving.kserve.io/v1beta1/namespaces/ns/inferenceservices"
CHAMPION, OTHER = "0" * 16, "1" * 16
HERE = Installation("ns", "sentiment")


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubeApi]:
    monkeypatch.setattr(cluster_jobs, "POLL_SECONDS", 0.01)
    with KubeApi() as found:
        kube_config.use(monkeypatch, kube_config.write(tmp_path / "kubeconfig", found.url))
        connect()
        yield found


def pod(name: str, phase: str = "Running", *, labels: Object | None = None, state: Object | None = None) -> Object:
    conditions = [{"type": "Ready", "status": "True" if phase == "Running" else "False"}]
    container = {"name": "c", "image": "i:1", "imageID": "", "ready": True, "restartCount": 0, "state": state or {}}
    return {
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"containers": [{"name": "c"}]},
        "status": {"phase": phase, "conditions": conditions, "containerStatuses": [container]},
    }


def cron_job(component: str) -> Object:
    container = {"name": "c", "image": "i:1", "args": ["--help"], "env": [{"name": "KEPT", "value": "1"}]}
    template = {"spec": {"containers": [container], "restartPolicy": "Never"}}
    labels = {"app.kubernetes.io/component": component}
    return {
        "metadata": {"name": f"sentiment-{component}"},
        "spec": {
            "schedule": "0 0 1 1 *",
            "jobTemplate": {"metadata": {"labels": labels}, "spec": {"template": template}},
        },
    }


def started(api: KubeApi, arguments: list[str] | None = None, **environment: str) -> ClusterJob:
    api.put(CRON_JOBS, cron_job("promotion"))
    job = ClusterJob(HERE, "promotion")
    job.start(arguments or [], environment)
    return job


def end(api: KubeApi, job: ClusterJob, kind: str = "Complete") -> None:
    found = api.objects[JOBS][job.name]
    found["status"] = {"conditions": [{"type": kind, "status": "True"}]}


def of_job(job: ClusterJob, name: str, phase: str, state: Object) -> Object:
    return pod(name, phase, labels={"batch.kubernetes.io/job-name": job.name}, state=state)


def finished(code: int) -> Object:
    return {"terminated": {"exitCode": code}}


def test_a_job_is_the_cron_jobs_with_its_own_arguments_and_variables(api: KubeApi) -> None:
    job = started(api, ["promote", "3f"], PROMOTED_BY="ana", KEPT="2")
    made = api.objects[JOBS][job.name]
    (container,) = made["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["promote", "3f"]
    assert {one["name"]: one["value"] for one in container["env"]} == {"PROMOTED_BY": "ana", "KEPT": "2"}
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("CronJob", "uid-sentiment-promotion", True)
    assert made["metadata"]["labels"] == {"app.kubernetes.io/component": "promotion"}


def test_a_kept_release_is_published_by_a_job_on_the_trainings_volume(
    api: KubeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.put(CRON_JOBS, cron_job("training"))
    monkeypatch.setattr(ClusterJob, "follow", lambda *_: 0)
    done = CliRunner().invoke(app, ["publish", "/var/lib/sentiment/work/kept-x", "-n", "ns"])
    assert done.exit_code == 0, done.output
    (made,) = api.objects[JOBS].values()
    (container,) = made["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["publish", "/var/lib/sentiment/work/kept-x"]
    assert made["metadata"]["labels"] == {"app.kubernetes.io/component": "training"}


def test_a_job_without_arguments_keeps_the_cron_jobs(api: KubeApi) -> None:
    job = started(api)
    made = api.objects[JOBS][job.name]
    assert made["spec"]["template"]["spec"]["containers"][0]["args"] == ["--help"]


def test_a_missing_cron_job_is_reported_with_the_wanted_names(api: KubeApi) -> None:
    with pytest.raises(ClusterError, match=r"no CronJob sentiment-training in the namespace ns.*--release-name"):
        ClusterJob(HERE, "training").start([], {})


@pytest.mark.parametrize("code", [0, 2])
def test_a_job_is_followed_to_its_end(api: KubeApi, code: int) -> None:
    job = started(api)
    api.put(PODS, of_job(job, "a", "Succeeded", finished(code)))
    api.logs["a"] = "first\nsecond: größer\nlast without an end"
    end(api, job)
    lines: list[str] = []
    assert job.follow(lines.append) == code
    assert lines == ["first", "second: größer", "last without an end"]


def test_each_attempt_is_shown_once_and_the_last_ones_code_counts(api: KubeApi) -> None:
    job = started(api)
    for at, name, code in (("2026-01-01T00:00:00Z", "z", 1), ("2026-01-01T00:01:00Z", "a", 0)):
        attempt = of_job(job, name, "Failed", finished(code))
        attempt["metadata"]["creationTimestamp"] = at
        api.put(PODS, attempt)
        api.logs[name] = f"{name}\n"
    end(api, job)
    lines: list[str] = []
    assert (job.follow(lines.append), lines) == (0, ["z", "a"])


def test_a_job_that_failed_without_a_pod_fails(api: KubeApi) -> None:
    job = started(api)
    end(api, job, "Failed")
    assert job.follow(print) == cluster_jobs.INTERRUPTED


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("ErrImagePull", "the image i:1 cannot be pulled.*image.registry"),
        ("CreateContainerConfigError", "a required object is missing: .*no such secret"),
        ("CreateContainerError", "the container cannot be created"),
    ],
)
def test_a_pod_that_will_not_start_ends_the_waiting(api: KubeApi, reason: str, words: str) -> None:
    job = started(api)
    api.put(PODS, of_job(job, "a", "Pending", {"waiting": {"reason": reason, "message": "no such secret"}}))
    with pytest.raises(ClusterError, match=words):
        job.follow(print)


def test_a_job_that_is_removed_meanwhile_is_reported(api: KubeApi) -> None:
    job = started(api)
    del api.objects[JOBS][job.name]
    with pytest.raises(ClusterError, match="was removed while it ran"):
        job.follow(print)


def test_a_refusal_is_reported_in_the_servers_words(api: KubeApi) -> None:
    api.refuse("GET", 403)
    with pytest.raises(ClusterError, match=r"making a Job.*refused with 403; ask for the right"):
        ClusterJob(HERE, "training").start([], {})


def test_a_server_that_does_not_answer_is_reported_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"http://127.0.0.1:{kube_config.closed_port()}"
    kube_config.use(monkeypatch, kube_config.write(tmp_path / "kubeconfig", url))
    connect()
    with pytest.raises(ClusterError, match="kubectl config current-context") as raised:
        ClusterJob(HERE, "training").start([], {})
    assert url in str(raised.value) and "Pool" not in str(raised.value) and not caplog.records


@pytest.fixture
def figures(api: KubeApi) -> Iterator[Figures]:
    """The real monitor's interface behind the pod `watch`, with the champion of a store that it read just now."""
    release = Release(id=CHAMPION, created=datetime.now(UTC), accuracy=None, train_seconds=None, champion=True)
    found = Figures(releases=[release], up={"store": True}, read_at={"store": datetime.now(UTC).timestamp()})
    with Served(make_app(lambda: found)) as served:
        api.put(PODS, pod("watch", labels={"app.kubernetes.io/component": "monitor"}))
        api.forwards["watch"] = served.port
        yield found


def _pods(api: KubeApi) -> list[Object]:
    return list(api.objects.get(PODS, {}).values())


def test_the_monitor_is_queried_through_its_pod(api: KubeApi, figures: Figures) -> None:
    found = monitor.status(_pods(api), "ns")
    assert found["champion"] == CHAMPION and found["up"] == {"store": True}
    assert ("CONNECT", f"{PODS}/watch/portforward") in api.asked


def test_an_unreachable_monitor_is_reported(api: KubeApi, figures: Figures) -> None:
    with pytest.raises(MonitorAway, match="no monitor is ready"):
        monitor.status([pod("watch", "Pending", labels={"app.kubernetes.io/component": "monitor"})], "ns")
    with pytest.raises(MonitorAway, match="no monitor is ready"):
        monitor.status([pod("other")], "ns")
    api.forwards["watch"] = kube_config.closed_port()
    with pytest.raises(MonitorAway, match="watch cannot be asked"):
        monitor.status(_pods(api), "ns")
    del api.forwards["watch"]
    with pytest.raises(MonitorAway, match=r"watch cannot be asked.*403"):
        monitor.status(_pods(api), "ns")


def install(api: KubeApi, release: str) -> None:
    """An installation that serves a release and is well."""
    api.put(CONFIG_MAPS, {"metadata": {"name": "sentiment-environment"}})
    api.resources["/apis/serving.kserve.io/v1beta1"] = ["inferenceservices"]
    api.resources["/apis/serving.kserve.io/v1alpha1"] = ["servingruntimes"]
    model = {"storageUri": f"s3://b/sentiment/releases/{release}/serving/"}
    conditions = [{"type": "Ready", "status": "True"}]
    api.put(
        SERVICES,
        {
            "metadata": {"name": "sentiment"},
            "spec": {"predictor": {"model": model}},
            "status": {"conditions": conditions},
        },
    )


def doctor(*arguments: str) -> tuple[int, dict[str, Object]]:
    done = CliRunner().invoke(app, ["doctor", "-n", "ns", "--json", *arguments])
    if not done.stdout:
        assert done.exception is not None
        raise done.exception
    return done.exit_code, {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_a_namespace_that_is_well(api: KubeApi, figures: Figures) -> None:
    install(api, CHAMPION)
    code, checks = doctor()
    assert code == 0 and {check["state"] for check in checks.values()} == {"ok"}


def test_a_release_that_is_not_the_stores_champion_is_reported(api: KubeApi, figures: Figures) -> None:
    install(api, OTHER)
    code, checks = doctor()
    assert code == 1 and f"the champion is {CHAMPION}" in checks["served release"]["found"]


def test_a_promotion_by_a_training_is_not_advised_to_be_undone(api: KubeApi, figures: Figures) -> None:
    """An older promotion's Job and its log are still there; the store knows better."""
    install(api, OTHER)
    figures.releases[0] = figures.releases[0].model_copy(update={"id": OTHER})
    api.put(
        PODS,
        pod("promotion", "Succeeded", labels={"app.kubernetes.io/component": "promotion"}, state=finished(0)),
    )
    api.logs["promotion"] = f"{CHAMPION} is now the champion\n"
    code, checks = doctor()
    assert code == 0 and checks["served release"]["state"] == "ok"


def test_without_a_monitor_the_champion_is_not_judged(api: KubeApi) -> None:
    install(api, OTHER)
    code, checks = doctor()
    assert code == 0 and checks["champion"]["state"] == "skip" and "no monitor is ready" in checks["champion"]["found"]


def test_warnings_and_words_of_pods_reach_the_person(api: KubeApi, figures: Figures) -> None:
    install(api, CHAMPION)
    stuck = pod("stuck", "Pending", state={"waiting": {"reason": "ContainerCreating"}})
    stuck["status"]["conditions"][0]["lastTransitionTime"] = "2026-01-01T00:00:00Z"
    uid = api.put(PODS, stuck)["metadata"]["uid"]
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "uid": uid},
        "type": "Warning",
        "reason": "FailedMount",
        "message": 'secret "nope" not found',
    }
    api.put("/api/v1/namespaces/ns/events", event)
    made = api.put(
        JOBS,
        {
            "metadata": {"name": "t-1", "labels": {"app.kubernetes.io/component": "training"}},
            "spec": {"template": {"spec": {"containers": [{"name": "c"}]}}},
            "status": {"conditions": [{"type": "Failed", "status": "True", "message": "backoff limit"}]},
        },
    )
    failed = pod("t-1-a", "Failed", state={"terminated": {"exitCode": 2, "message": "there is no bucket nope"}})
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "t-1", "uid": made["metadata"]["uid"]}
    failed["metadata"]["ownerReferences"] = [owner]
    api.put(PODS, failed)
    code, checks = doctor()
    assert code == 1
    assert 'secret "nope" not found' in checks["pod stuck"]["found"]
    assert "there is no bucket nope" in checks["training"]["found"]


def test_a_namespace_without_the_chart_is_reported(api: KubeApi) -> None:
    code, checks = doctor("--release-name", "other")
    assert code == 1 and "other-sentiment-" in checks["chart"]["found"]


def test_a_cluster_without_kserve_is_reported(api: KubeApi, figures: Figures) -> None:
    api.put(CONFIG_MAPS, {"metadata": {"name": "sentiment-environment"}})
    code, checks = doctor()
    assert code == 1 and "install-kserve" in checks["kserve"]["remedy"]
    assert checks["served release"]["state"] == "fail"  # the store has a champion, and nothing serves it


def test_missing_rights_are_reported(api: KubeApi) -> None:
    api.refuse("GET", 403)
    with pytest.raises(ClusterError, match=r"looking at the namespace ns: .*ask for the right"):
        doctor()
