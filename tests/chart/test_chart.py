"""The chart as a whole, and the parts whose form others rely on."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.invariants import check
from chart.objects import containers, pods_of
from chart.rendering import CHART, Values, helm, one, render

from drift_cronjob.outcome import INCOMPLETE

ID = "0123456789abcdef"
URI = f"s3://sentiment/sentiment/releases/{ID}/serving/"
ROOT = CHART.parents[1]
AGENT = {"ipBlock": {"cidr": "169.254.170.23/32"}}  # of EKS Pod Identity


def test_lint_is_clean() -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART))


def test_readme_is_what_the_values_say() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "scripts/chart_docs.py"), "--check"], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_defaults_hold_the_invariants() -> None:
    check(render(), {})


def test_every_template_file_has_one_object() -> None:
    several = {"server/experiments.yaml", "network-policies/policies.yaml"}  # one a release, one a component
    for path in sorted((CHART / "templates").rglob("*.yaml")):
        kinds = [line for line in path.read_text("utf-8").splitlines() if line.startswith("kind: ")]
        place = str(path.relative_to(CHART / "templates"))
        assert len(kinds) <= 1 or place in several, f"{place} has {len(kinds)} objects"


def test_no_release_no_inference_service() -> None:
    kinds = [each["kind"] for each in render()]
    assert "InferenceService" not in kinds and "ServingRuntime" in kinds


def test_a_seed_release_is_served() -> None:
    service = one(render({"server": {"storageUri": URI}}), "InferenceService", "sentiment")
    model = service["spec"]["predictor"]["model"]
    assert model["storageUri"] == URI
    assert {"name": "RELEASE_ID", "value": ID} in model["env"]
    assert service["metadata"]["annotations"]["serving.kserve.io/deploymentMode"] == "Standard"
    strategy = service["spec"]["predictor"]["deploymentStrategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 1, "maxUnavailable": 0}


def test_the_template_of_promotions_is_the_seed_without_a_release() -> None:
    seeded = one(render({"server": {"storageUri": URI}}), "InferenceService", "sentiment")
    config = one(render(), "ConfigMap", "sentiment-inferenceservice")
    template = yaml.safe_load(config["data"]["inferenceservice.yaml"])
    model = seeded["spec"]["predictor"]["model"]
    model["storageUri"], model["env"][0]["value"] = "", ""
    assert template == seeded


def _live(service: Values | None, tmp_path: Path) -> Any:
    """Read an InferenceService by the chart's helper, as `lookup` would return it; `lookup` needs a cluster."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: live\nversion: 0.1.0\n")
    shutil.copy(CHART / "templates/server/_inferenceservice.tpl", tmp_path / "templates")
    (tmp_path / "templates/out.yaml").write_text('out: {{ include "sentiment.releaseOf" .Values.live | quote }}\n')
    text = helm("template", "x", str(tmp_path), values={"live": service or {}})
    output = yaml.safe_load(text)["out"]
    return json.loads(output) if output else None


@pytest.mark.parametrize("env", [[{"name": "RELEASE_ID", "value": ID}], [{"name": "RELEASE_ID", "value": ""}], None])
def test_the_live_release_is_kept(env: list[Values] | None, tmp_path: Path) -> None:
    model: Values = {"storageUri": URI} | ({"env": env} if env is not None else {})
    assert _live({"spec": {"predictor": {"model": model}}}, tmp_path) == {"storageUri": URI, "releaseId": ID}


def test_nothing_live_is_nothing(tmp_path: Path) -> None:
    assert _live(None, tmp_path) is None


def test_the_grace_period_covers_delay_and_drain() -> None:
    values = {"server": {"shutdownDelaySeconds": 30, "drainSeconds": 60, "storageUri": URI}}
    objects = render(values)
    predictor = one(objects, "InferenceService", "sentiment")["spec"]["predictor"]
    assert predictor["terminationGracePeriodSeconds"] >= 100
    (container,) = one(objects, "ServingRuntime", "sentiment-server")["spec"]["containers"]
    assert container["lifecycle"]["preStop"]["sleep"]["seconds"] == 30


@pytest.mark.parametrize(("engine", "owner"), [("none", "none"), ("hpa", "hpa"), ("keda", "keda")])
def test_one_scaler_at_most(engine: str, owner: str) -> None:
    objects = render({"server": {"storageUri": URI, "autoscaling": {"engine": engine}}})
    service = one(objects, "InferenceService", "sentiment")
    assert service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == owner
    assert "HorizontalPodAutoscaler" not in {each["kind"] for each in objects}


def test_experiments_share_the_requests() -> None:
    experiments = [
        {"name": "b", "storageUri": URI, "weight": 20},
        {"name": "c", "storageUri": URI, "shadow": True},
    ]
    values = {
        "server": {"experiments": experiments, "graph": {"mode": "split"}},
        "gateway": {"enabled": True, "name": "edge"},
    }
    objects = render(values)
    check(objects, values)
    steps = one(objects, "InferenceGraph", "sentiment-graph")["spec"]["nodes"]["root"]["steps"]
    assert {step["name"]: step["weight"] for step in steps} == {"champion": 80, "b": 20}
    assert steps[0]["serviceUrl"] == "http://sentiment-predictor.ns.svc/v2/models/sentiment/infer"
    (rule,) = one(objects, "HTTPRoute", "sentiment")["spec"]["rules"]
    assert [(to["name"], to["weight"]) for to in rule["backendRefs"]] == [
        ("sentiment-predictor", 80),
        ("sentiment-b-predictor", 20),
    ]
    assert rule["filters"][0]["requestMirror"]["backendRef"]["name"] == "sentiment-c-predictor"


def test_averages_are_of_the_promoted_release_and_its_experiments() -> None:
    experiments = [{"name": "b", "storageUri": URI}, {"name": "c", "storageUri": URI, "shadow": True}]
    values = {
        "server": {"experiments": experiments, "graph": {"mode": "average", "replicas": 3}},
        "gateway": {"enabled": True, "name": "edge"},
    }
    objects = render(values)
    check(objects, values)
    root = one(objects, "InferenceGraph", "sentiment-graph")["spec"]["nodes"]["root"]
    assert root["routerType"] == "Ensemble" and [step["name"] for step in root["steps"]] == ["champion", "b"]
    averager = one(objects, "Deployment", "sentiment-average")["spec"]
    assert averager["replicas"] == 3 and averager["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    (container,) = averager["template"]["spec"]["containers"]
    assert container["command"][-1] == "model_server.average"
    assert {"name": "GRAPH_URL", "value": "http://sentiment-graph.ns.svc"} in container["env"]


def test_training_survives_disruptions() -> None:
    job = one(render(), "CronJob", "sentiment-training")["spec"]
    assert job["suspend"] is True
    spec = job["jobTemplate"]["spec"]
    assert spec["podFailurePolicy"]["rules"][0] == {
        "action": "Ignore",
        "onPodConditions": [{"type": "DisruptionTarget"}],
    }
    state = next(volume for volume in spec["template"]["spec"]["volumes"] if volume["name"] == "state")
    assert state["persistentVolumeClaim"]["claimName"] == "sentiment-training"


def test_a_drift_check_that_made_a_verdict_is_not_repeated() -> None:
    """Exit code 3 fails its Job at once: another try would write another verdict into the log."""
    spec = one(render(), "CronJob", "sentiment-drift")["spec"]["jobTemplate"]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert spec["template"]["spec"]["restartPolicy"] == "Never"  # Kubernetes refuses a podFailurePolicy otherwise
    assert spec["podFailurePolicy"]["rules"] == [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
        {
            "action": "FailJob",
            "onExitCodes": {"containerName": container["name"], "operator": "In", "values": [INCOMPLETE]},
        },
    ]
    assert spec["backoffLimit"] == 2, "what ends before a verdict is tried again"


def test_only_who_needs_it_has_a_token() -> None:
    tokens = {
        each["metadata"]["name"]: each["automountServiceAccountToken"]
        for each in render()
        if each["kind"] == "ServiceAccount" and each["automountServiceAccountToken"]
    }
    assert set(tokens) <= {"sentiment-promotion", "sentiment-monitor", "sentiment-prometheus"}


def test_edges_are_open_on_both_sides() -> None:
    """A connection that one pod may make, the other may take."""
    policies = {each["metadata"]["name"]: each["spec"] for each in render() if each["kind"] == "NetworkPolicy"}
    component = "app.kubernetes.io/component"
    outward, inward = set(), set()
    for spec in policies.values():
        own = spec["podSelector"]["matchLabels"][component]
        for side, rules in (("egress", spec["egress"]), ("ingress", spec["ingress"])):
            for rule in rules:
                for peer in rule.get("to" if side == "egress" else "from", []):
                    other = peer.get("podSelector", {}).get("matchLabels", {}).get(component)
                    if other:
                        ports = tuple(port["port"] for port in rule["ports"])
                        (outward if side == "egress" else inward).add(
                            (own, other, ports) if side == "egress" else (other, own, ports)
                        )
    assert outward == inward
    assert ("server", "postgres", (5432,)) in outward and ("training", "postgres", (5432,)) not in outward


def _policy(values: Values, component: str) -> Values:
    spec: Values = one(render(values), "NetworkPolicy", f"sentiment-{component}")["spec"]
    return spec


def test_load_balancers_reach_the_server_and_nothing_else() -> None:
    values = {"networkPolicy": {"allowFromCidrs": ["10.40.0.0/22"]}, "gateway": {"enabled": True, "name": "edge"}}
    objects = render(values)
    check(objects, values)
    reached = {
        (each["metadata"]["name"], port["port"])
        for each in objects
        if each["kind"] == "NetworkPolicy"
        for rule in each["spec"]["ingress"]
        if {"ipBlock": {"cidr": "10.40.0.0/22"}} in rule["from"]
        for port in rule["ports"]
    }
    assert reached == {("sentiment-server", 8080), ("sentiment-server", 8081)}
    assert not any("ipBlock" in peer for rule in _policy({}, "server")["ingress"] for peer in rule["from"])


def test_kubelets_are_reached_when_they_are_scraped() -> None:
    def ports(values: Values) -> set[int]:
        return {port["port"] for rule in _policy(values, "prometheus")["egress"] for port in rule["ports"]}

    assert 10250 in ports({"prometheus": {"kubelet": {"enabled": True}}})
    assert 10250 not in ports({})


def test_cloud_identity_is_for_those_who_use_the_object_store() -> None:
    """The annotated accounts, the pods with the store's address and the edges to the identity's address are the same."""
    values = {
        "objectStore": {"engine": "external", "createBucket": False},
        "global": {"serviceAccountAnnotations": {"example.com/role": "role"}},
    }
    objects = render(values)
    check(objects, values)
    annotated = {
        each["metadata"]["name"]
        for each in objects
        if each["kind"] == "ServiceAccount" and each["metadata"].get("annotations") == {"example.com/role": "role"}
    }
    store = {"configMapRef": {"name": "sentiment-environment"}}
    reading = {
        pod.spec.get("serviceAccountName", "sentiment-server")  # a ServingRuntime's pods get theirs elsewhere
        for pod in pods_of(objects)
        for container in containers(pod)
        if store in container.get("envFrom", [])
    }
    open_to = {
        each["metadata"]["name"]
        for each in objects
        if each["kind"] == "NetworkPolicy"
        and any(peer == AGENT for rule in each["spec"]["egress"] for peer in rule.get("to", []))
    }
    assert annotated == reading == open_to
    assert "sentiment-object-store" not in annotated  # nobody makes the bucket here


def test_the_predictor_without_keys_has_no_secret_in_the_way_of_its_identity() -> None:
    """KServe's initialiser takes the account's identity only where the account names no Secret with keys."""
    objects = render({"objectStore": {"engine": "external", "createBucket": False}, "server": {"storageUri": URI}})
    service = one(objects, "InferenceService", "sentiment")["spec"]["predictor"]
    account = one(objects, "ServiceAccount", service["serviceAccountName"])
    assert "secrets" not in account
    runtime = one(objects, "ServingRuntime", "sentiment-server")["spec"]["containers"][0]
    assert not any("secretRef" in source for source in runtime["envFrom"])


def test_what_reads_the_log_may_read_from_a_replica() -> None:
    """The Secret of a Postgres of yours may name one; servers and the maintenance never read there."""
    objects = render({"postgres": {"enabled": False, "external": {"existingSecret": "the-database"}}})
    found = {
        pod.owner: variable["valueFrom"]["secretKeyRef"]
        for pod in pods_of(objects)
        for container in containers(pod)
        for variable in container.get("env", [])
        if variable["name"] == "DATABASE_READ_URL"
    }
    reference = {"name": "the-database", "key": "DATABASE_READ_URL", "optional": True}
    assert found == {"CronJob/sentiment-drift": reference, "Deployment/sentiment-monitor": reference}
    assert "DATABASE_READ_URL" not in str(render())
