"""The two values files for EKS fit the chart, and the chart rendered with them fits what Terraform makes."""

import json
from typing import Any

import jsonschema
import pytest
import yaml
from chart.invariants import check
from chart.objects import containers, pods_of, with_templates
from chart.rendering import CHART, Values, one, render
from eks.terraform import GATEWAY, bare, blocks, evaluate
from eks.values import STATIC, both, generated, merged

pytestmark = pytest.mark.usefixtures("terraform")
SCHEMA = json.loads((CHART / "values.schema.json").read_text("utf-8"))
URI = "s3://sentiment-123456789012-us-east-1/sentiment/releases/0123456789abcdef/serving"


@pytest.mark.parametrize("variables", [{}, GATEWAY, {"auto_promote": True, "model_name": "reviews"}])
def test_every_key_is_one_of_the_chart(variables: dict[str, Any]) -> None:
    jsonschema.validate(both(**variables), SCHEMA)


def test_the_files_do_not_contradict_each_other() -> None:
    def keys(values: Values, *path: str) -> set[tuple[str, ...]]:
        found: set[tuple[str, ...]] = set()
        for key, value in values.items():
            found |= keys(value, *path, key) if isinstance(value, dict) else {(*path, key)}
        return found

    assert keys(STATIC) & keys(generated(**GATEWAY)) == set()


@pytest.mark.parametrize("variables", [{}, GATEWAY])
def test_the_chart_renders_and_holds_its_invariants(helm: None, variables: dict[str, Any]) -> None:
    values = merged(both(**variables), {"server": {"storageUri": URI}})
    check(render(values), values)


def test_nothing_is_bundled_that_aws_gives(helm: None) -> None:
    names = {each["metadata"]["name"] for each in render(both())}
    assert not names & {"sentiment-postgres", "sentiment-object-store", "sentiment-bucket-1"}
    settings = one(render(both()), "ConfigMap", "sentiment-environment")["data"]
    assert settings["RELEASES_URI"] == "s3://sentiment-123456789012-us-east-1"
    assert settings["AWS_REGION"] == "us-east-1" and "AWS_ENDPOINT_URL" not in settings


def test_our_images_come_from_repositories_that_there_are(helm: None) -> None:
    registry = "123456789012.dkr.ecr.us-east-1.amazonaws.com/"
    repositories = {f"sentiment/sentiment/{name}" for name in evaluate("local.images")}
    ours = {
        container["image"].removeprefix(registry).partition(":")[0]
        for pod in pods_of(with_templates(render(both())))
        for container in containers(pod)
        if container["image"].startswith(registry)
    }
    assert ours == repositories
    (name,) = [bare(body["name"]) for labels, body in blocks("resource") if labels[0] == "aws_ecr_repository"]
    assert name == "${var.name}/sentiment/${each.key}"


def test_keys_and_passwords_come_from_no_values() -> None:
    text = json.dumps(both(**GATEWAY)).lower()
    assert "password" not in text and "secret_access" not in text
    assert "existingSecret" not in both()["objectStore"]


def test_the_route_hangs_on_the_gateway_that_terraform_writes(helm: None) -> None:
    manifests = {
        each["kind"]: each for each in yaml.safe_load_all(evaluate("local.gateway_manifests", **GATEWAY)) if each
    }
    route = one(render(both(**GATEWAY)), "HTTPRoute", "sentiment")["spec"]
    gateway = manifests["Gateway"]
    (parent,) = route["parentRefs"]
    assert parent["name"] == gateway["metadata"]["name"] and gateway["metadata"]["namespace"] == "sentiment"
    assert route["hostnames"] == [gateway["spec"]["listeners"][0]["hostname"]]
    assert gateway["spec"]["gatewayClassName"] == manifests["GatewayClass"]["metadata"]["name"]
    settings = manifests["LoadBalancerConfiguration"]
    assert gateway["spec"]["infrastructure"]["parametersRef"]["name"] == settings["metadata"]["name"]
    targets = manifests["TargetGroupConfiguration"]
    assert settings["spec"]["defaultTargetGroupConfiguration"]["name"] == targets["metadata"]["name"]
    assert settings["spec"]["securityGroups"] == ["sg-1"]


def test_the_load_balancer_asks_what_readiness_asks(helm: None) -> None:
    manifests = yaml.safe_load_all(evaluate("local.gateway_manifests", **GATEWAY))
    (targets,) = [each for each in manifests if each["kind"] == "TargetGroupConfiguration"]
    props = targets["spec"]["defaultConfiguration"]
    (server,) = one(render(both()), "ServingRuntime", "sentiment-server")["spec"]["containers"]
    assert props["healthCheckConfig"]["healthCheckPath"] == server["readinessProbe"]["httpGet"]["path"]
    attributes = {each["key"]: each["value"] for each in props["targetGroupAttributes"]}
    stays = server["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert int(attributes["deregistration_delay.timeout_seconds"]) <= stays


def test_pods_keep_idle_connections_longer_than_the_load_balancer(helm: None) -> None:
    """A pod that closes first makes it answer 502."""
    manifests = yaml.safe_load_all(evaluate("local.gateway_manifests", **GATEWAY))
    (settings,) = [each["spec"] for each in manifests if each["kind"] == "LoadBalancerConfiguration"]
    attributes = {each["key"]: each["value"] for each in settings["loadBalancerAttributes"]}
    (server,) = one(render(both()), "ServingRuntime", "sentiment-server")["spec"]["containers"]
    environment = {each["name"]: each.get("value") for each in server["env"]}
    idle = int(attributes.get("idle_timeout.timeout_seconds", 60))  # an ALB's default
    assert int(environment["KEEP_ALIVE_SECONDS"]) > idle


@pytest.mark.parametrize(("scheme", "kind"), [("internal", "private"), ("internet-facing", "public")])
def test_the_load_balancers_addresses_pass_the_network_policies(scheme: str, kind: str) -> None:
    variables = {**GATEWAY, "load_balancer_scheme": scheme}
    allowed = both(**variables)["networkPolicy"]["allowFromCidrs"]
    assert allowed == list(evaluate(f"local.{kind}_cidrs", **variables).values())
    manifests = yaml.safe_load_all(evaluate("local.gateway_manifests", **variables))
    (settings,) = [each["spec"] for each in manifests if each["kind"] == "LoadBalancerConfiguration"]
    assert settings["scheme"] == scheme
    assert settings["loadBalancerSubnets"] == [{"identifier": f"subnet-{kind}-a"}]


def test_without_a_host_name_there_is_no_way_in() -> None:
    assert evaluate("local.gateway_manifests") == ""
    assert "gateway" not in generated() and "networkPolicy" not in generated()
    assert "load-balancer-controller" not in evaluate("local.identities")
