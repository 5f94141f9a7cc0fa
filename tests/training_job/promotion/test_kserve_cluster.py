"""A rollout's cluster over an API server: what is written to the InferenceService, and what refusals become."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kit import kube_config
from kit.certificates import issue
from kit.kube_api import KubeApi, Object, Served
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from training_job.promotion import kserve as kserve_cluster
from training_job.promotion import rollout
from training_job.promotion.kserve import KServeCluster, cluster_of
from training_job.promotion.rollout import RolloutError, Service, Target
from training_job.settings import PromotionSettings

PODS, CONFIG_MAPS = "/api/v1/namespaces/ns/pods", "/api/v1/namespaces/ns/configmaps"
SERVICES = "/apis/serving.kserve.io/v1beta1/namespaces/ns/inferenceservices"
OLD, NEW = Target("s3://b/releases/old/serving/", "0" * 16), Target("s3://b/releases/new/serving/", "1" * 16)
TEMPLATE = {
    "apiVersion": "serving.kserve.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {"name": "sentiment", "annotations": {"serving.kserve.io/deploymentMode": "Standard"}},
    "spec": {
        "predictor": {"minReplicas": 2, "model": {"storageUri": "", "env": [{"name": "RELEASE_ID", "value": ""}]}}
    },
}


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KubeApi]:
    monkeypatch.setattr(rollout, "POLL_SECONDS", 0.01)
    with KubeApi() as found:
        kube_config.use(monkeypatch, kube_config.write(tmp_path / "kubeconfig", found.url))
        annotations = {"meta.helm.sh/release-name": "sentiment", "other": "1"}
        name = "sentiment-inferenceservice"
        found.put(
            CONFIG_MAPS,
            {
                "metadata": {"name": name, "annotations": annotations},
                "data": {"inferenceservice.yaml": yaml.safe_dump(TEMPLATE)},
            },
        )
        found.objects[SERVICES] = {}
        yield found


@pytest.fixture
def cluster(api: KubeApi) -> KServeCluster:
    return KServeCluster("ns", "sentiment", "sentiment-inferenceservice", "sentiment")


def served(api: KubeApi, target: Target, **model: Any) -> None:
    env = [{"name": "OTHER", "value": "1"}, {"name": "RELEASE_ID", "value": target.release_id}]
    predictor = {"minReplicas": 1, "model": {"storageUri": target.storage_uri, "env": env, **model}}
    api.put(SERVICES, {"metadata": {"name": "sentiment"}, "spec": {"predictor": predictor}})


def test_nothing_exists_before_the_first_release(cluster: KServeCluster) -> None:
    assert cluster.read() is None


def test_the_first_one_is_made_from_the_charts_template(api: KubeApi, cluster: KServeCluster) -> None:
    cluster.create(NEW)
    ((manager, kind, _),) = api.patches
    assert (manager, kind) == ("helm", "application/apply-patch+yaml")
    made = api.objects[SERVICES]["sentiment"]
    assert made["metadata"]["annotations"] == {
        "serving.kserve.io/deploymentMode": "Standard",
        "meta.helm.sh/release-name": "sentiment",
    }
    (owner,) = made["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == ("ConfigMap", "uid-sentiment-inferenceservice")
    assert cluster.read() == Service(NEW, 2, made["metadata"]["resourceVersion"])


def test_a_release_is_pointed_at_and_the_rest_stays(api: KubeApi, cluster: KServeCluster) -> None:
    served(api, OLD, runtime="r")
    before = cluster.read()
    assert before is not None and before.target == OLD and before.replicas == 1
    cluster.point(NEW, before.version)
    after = cluster.read()
    assert after is not None and after.target == NEW and after.version != before.version
    ((manager, kind, _),) = api.patches
    assert (manager, kind) == ("sentiment-promotion", "application/merge-patch+json")
    model = api.objects[SERVICES]["sentiment"]["spec"]["predictor"]["model"]
    assert model["runtime"] == "r" and {"name": "OTHER", "value": "1"} in model["env"]


def test_two_changes_never_mix(api: KubeApi, cluster: KServeCluster) -> None:
    served(api, OLD)
    before = cluster.read()
    assert before is not None
    served(api, NEW)
    with pytest.raises(RolloutError, match="changed by somebody else"):
        cluster.point(OLD, before.version)
    assert api.patches == []
    now = cluster.read()
    assert now is not None
    api.refuse("PATCH", 409)  # somebody was quicker between reading and writing
    with pytest.raises(RolloutError, match="another promotion or upgrade changed the InferenceService sentiment"):
        cluster.point(OLD, now.version)


def test_what_is_missing_is_named(api: KubeApi, cluster: KServeCluster) -> None:
    with pytest.raises(RolloutError, match="changed by somebody else"):
        cluster.point(NEW, "1")
    del api.objects[SERVICES]
    with pytest.raises(RolloutError, match="KServe is not installed"):
        cluster.create(NEW)
    api.objects[CONFIG_MAPS].clear()
    with pytest.raises(
        RolloutError, match=r"the ConfigMap sentiment-inferenceservice does not exist in ns; install the chart"
    ):
        cluster.create(NEW)


def test_a_refusal_has_the_servers_reason(api: KubeApi, cluster: KServeCluster) -> None:
    api.refuse("GET", 403)
    with pytest.raises(RolloutError, match="listing the predictor's pods: the cluster refuses: refused with 403"):
        cluster.pods()


def test_a_server_that_does_not_answer_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{kube_config.closed_port()}"
    kube_config.use(monkeypatch, kube_config.write(tmp_path / "kubeconfig", url))
    with pytest.raises(RolloutError, match=r"reading the InferenceService: the cluster does not answer: .*refused$"):
        KServeCluster("ns", "sentiment", "t", "sentiment").read()


def test_a_missing_cluster_is_reported_before_anything_is_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kubeconfig").write_text("garbage: [")
    kube_config.use(monkeypatch, tmp_path / "kubeconfig")
    with pytest.raises(RolloutError, match=r"no cluster: .*kubeconfig.*INFERENCE_SERVICE"):
        KServeCluster("ns", "sentiment", "t", "sentiment")


def pod(name: str, target: Target, *, ready: bool = True, phase: str = "Running", scheme: str = "HTTP") -> Object:
    container = {
        "name": "kserve-container",
        "env": [{"name": "RELEASE_ID", "value": target.release_id}],
        "readinessProbe": {"httpGet": {"path": "/v2/health/ready", "port": 8080, "scheme": scheme}},
    }
    return {
        "metadata": {"name": name, "labels": {"serving.kserve.io/inferenceservice": "sentiment"}},
        "spec": {"containers": [{"name": "queue", "image": "q"}, container]},
        "status": {
            "phase": phase,
            "podIP": "127.0.0.1",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


@pytest.fixture
def predictor(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The health answer of a predictor's pod at 127.0.0.1."""
    answer: dict[str, Any] = {"model": "sentiment", "release_id": NEW.release_id}

    async def health(_: object) -> JSONResponse:
        return JSONResponse(answer)

    with Served(Starlette(routes=[Route("/health", health)])) as found:
        monkeypatch.setattr(kserve_cluster, "HTTP_PORT", found.port)
        yield answer


def test_pods_report_the_release_that_they_serve(
    api: KubeApi, cluster: KServeCluster, predictor: dict[str, Any]
) -> None:
    api.put(PODS, pod("ready", NEW))
    api.put(PODS, pod("starting", OLD, ready=False))
    api.put(PODS, pod("gone", OLD, phase="Failed"))
    api.put(PODS, {**pod("other", OLD), "metadata": {"name": "other", "labels": {}}})
    leaving = pod("leaving", OLD)
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    api.put(PODS, leaving)
    found = {one.name: one for one in cluster.pods()}
    assert set(found) == {"ready", "starting", "leaving"}
    assert (found["ready"].release_id, found["ready"].answers_with) == (NEW.release_id, NEW.release_id)
    assert found["starting"].answers_with is None and not found["starting"].ready
    assert found["leaving"].leaving and found["leaving"].release_id == OLD.release_id


@pytest.mark.parametrize(
    "answer", [{"model": "sentiment", "release_id": None}, {"model": "other", "release_id": "1" * 16}, {"other": 1}, {}]
)
def test_a_pod_that_answers_otherwise_does_not_serve_a_release(
    api: KubeApi, cluster: KServeCluster, predictor: dict[str, Any], answer: dict[str, Any]
) -> None:
    predictor.clear()
    predictor.update(answer)
    api.put(PODS, pod("ready", NEW))
    assert [one.answers_with for one in cluster.pods()] == [None]


def test_a_pod_with_a_certificate_answers_by_tls(
    api: KubeApi, cluster: KServeCluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its certificate names a host, and the request goes to the pod's address."""

    async def health(_: object) -> JSONResponse:
        return JSONResponse({"model": "sentiment", "release_id": NEW.release_id})

    with Served(Starlette(routes=[Route("/health", health)]), issue(tmp_path, "predictor")) as found:
        monkeypatch.setattr(kserve_cluster, "HTTP_PORT", found.port)
        api.put(PODS, pod("ready", NEW, scheme="HTTPS"))
        assert [one.answers_with for one in cluster.pods()] == [NEW.release_id]
        api.put(PODS, pod("ready", NEW))
        assert [one.answers_with for one in cluster.pods()] == [None]


@pytest.mark.parametrize("part", [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", b"no HTTP\r\n\r\n"])
def test_a_pod_that_ends_in_its_answer_does_not_serve_a_release(
    api: KubeApi, cluster: KServeCluster, monkeypatch: pytest.MonkeyPatch, part: bytes
) -> None:
    def answer() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        connection.sendall(part)
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(kserve_cluster, "HTTP_PORT", listener.getsockname()[1])
        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        api.put(PODS, pod("ready", NEW))
        assert [one.answers_with for one in cluster.pods()] == [None]
        thread.join()


def test_a_pod_that_does_not_answer_does_not_serve_a_release(
    api: KubeApi, cluster: KServeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kserve_cluster, "HTTP_PORT", kube_config.closed_port())
    api.put(PODS, pod("ready", NEW))
    assert [one.answers_with for one in cluster.pods()] == [None]


def _settings(**more: Any) -> PromotionSettings:
    return PromotionSettings(
        INFERENCE_SERVICE="sentiment", KUBE_NAMESPACE="ns", MODEL_NAME="sentiment", ROLLOUT_TIMEOUT_SECONDS=5, **more
    )


def test_a_promotion_goes_through_though_the_api_hiccups(
    api: KubeApi, predictor: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    served(api, OLD)
    api.put(PODS, pod("new", NEW))
    go = cluster_of(_settings())
    assert go is not None
    api.after_patch = [lambda: api.refuse("GET", 500, 503)]
    go(NEW.storage_uri, NEW.release_id)
    output = capsys.readouterr().out
    assert "refused with 500" in output and "refused with 503" in output
    assert output.rstrip().endswith(f"1 pods serve {NEW.release_id}")


def test_a_release_that_does_not_start_is_taken_back(api: KubeApi, predictor: dict[str, Any]) -> None:
    served(api, OLD)
    stuck = pod("new", NEW, ready=False, phase="Pending")
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}
    status = {"name": "kserve-container", "image": "i", "imageID": "", "ready": False, "restartCount": 0}
    stuck["status"]["containerStatuses"] = [{**status, "state": waiting}]
    api.put(PODS, stuck)
    go = cluster_of(_settings())
    assert go is not None
    with pytest.raises(RolloutError, match=rf"ImagePullBackOff: not found.*{OLD.release_id}, is restored"):
        go(NEW.storage_uri, NEW.release_id)
    found = KServeCluster("ns", "sentiment", "t", "sentiment").read()
    assert found is not None and found.target == OLD


def test_without_an_inference_service_no_cluster_is_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kube_config.use(monkeypatch, tmp_path / "missing")
    assert cluster_of(PromotionSettings()) is None
