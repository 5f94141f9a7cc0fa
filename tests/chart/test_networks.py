"""Each pod's NetworkPolicy permits every address in its settings, also after a setting names another address."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from chart.objects import Object, PodSource, containers, pods_of, references
from chart.rendering import Values, one, render

COMPONENT = "app.kubernetes.io/component"
URI = "s3://sentiment/sentiment/releases/0123456789abcdef/serving/"
_ADDRESS = re.compile(r"(?:https?|postgresql)://[^\s\"'/]+|(?<=targets: \[)[a-z0-9.-]+:\d+")
_PORTS = {"http": 80, "https": 443, "postgresql": 5432}
# Variables of the shared environment that only some programs use.
_FOR_SOME = {"MLFLOW_TRACKING_URI": {"training", "promotion"}}
# Services that KServe makes, by the end of their names, and the component of their pods.
_KSERVES = {"-predictor": "server", "-graph": "graph"}
# Links that people follow, and a process's own port.
_NOT_CALLED = re.compile(r"github\.com|localhost|0\.0\.0\.0")


def _component(pod: PodSource) -> str:
    return pod.labels.get(COMPONENT, "server")  # a ServingRuntime's pods get theirs from the InferenceService


def _texts(pod: PodSource, objects: list[Object]) -> Iterator[str]:
    """Yield the texts of the pod's settings: variables, and files of ConfigMaps and Secrets."""
    component = _component(pod)
    there = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    for container in containers(pod):
        yield from (variable.get("value", "") for variable in container.get("env", []))
        yield from map(str, container.get("args", []))
    for kind, name, key in references(pod):
        held = there.get((kind, name), {}) if kind in ("ConfigMap", "Secret") else {}
        for field, text in {**held.get("data", {}), **held.get("stringData", {})}.items():
            if component in _FOR_SOME.get(field, {component}) and key in (None, field):
                yield text


def _called(pod: PodSource, objects: list[Object]) -> set[tuple[str, int]]:
    """Return (host, port) of every address in the pod's settings."""
    found = set()
    for text in _texts(pod, objects):
        for address in _ADDRESS.findall(text):
            parts = urlsplit(address if "://" in address else f"http://{address}")
            if parts.hostname and not _NOT_CALLED.search(address):
                found.add((parts.hostname, parts.port or _PORTS[parts.scheme]))
    return found


def _open(objects: list[Object], component: str, host: str, port: int) -> bool:
    """Return whether the component's policy permits this address."""
    services = {each["metadata"]["name"]: each for each in objects if each["kind"] == "Service"}
    to: Object = {"ipBlock": {"cidr": "0.0.0.0/0"}}
    if service := services.get(host.split(".")[0]):
        (wanted,) = [each for each in service["spec"]["ports"] if each["port"] == port]
        pods = [pod for pod in pods_of(objects) if service["spec"]["selector"].items() <= pod.labels.items()]
        ports = [each for pod in pods for container in containers(pod) for each in container.get("ports", [])]
        (port,) = {each["containerPort"] for each in ports if each.get("name") == wanted["targetPort"]}
        to = {"podSelector": {"matchLabels": service["spec"]["selector"]}}
    elif made := next((made for ending, made in _KSERVES.items() if host.split(".")[0].endswith(ending)), ""):
        port, to = 8080, {"podSelector": {"matchLabels": {**_selected(objects, component), COMPONENT: made}}}
    egress = one(objects, "NetworkPolicy", f"sentiment-{component}")["spec"]["egress"]
    return any(to in rule.get("to", []) and {"protocol": "TCP", "port": port} in rule["ports"] for rule in egress)


def _selected(objects: list[Object], component: str) -> dict[str, str]:
    spec: Object = one(objects, "NetworkPolicy", f"sentiment-{component}")["spec"]
    labels: dict[str, str] = spec["podSelector"]["matchLabels"]
    return labels


ELSEWHERE: Values = {
    "prometheus": {"enabled": False},
    "grafana": {"prometheusUrl": "http://metrics.monitoring.svc:9091"},
    "mlflow": {"enabled": False, "external": {"uri": "http://tracking.example:5050"}},
    "objectStore": {"engine": "external", "endpoint": "https://store.example:9443", "existingSecret": "keys"},
    "postgres": {"enabled": False, "external": {"existingSecret": "database", "port": 6432}},
}


@pytest.mark.parametrize(
    "values",
    [
        {},
        ELSEWHERE,
        {"grafana": {"prometheusUrl": "https://metrics.example"}},
        {"training": {"autoPromote": True}, "drift": {"retrain": {"enabled": True}}},
        {"server": {"tls": {"existingSecret": "certificate"}, "otel": {"endpoint": "http://collector.example:4318"}}},
        {"server": {"graph": {"mode": "average"}, "experiments": [{"name": "b", "storageUri": URI}]}},
    ],
    ids=["bundled", "elsewhere", "another Prometheus beside the bundled one", "automatic", "TLS and traces", "average"],
)
def test_every_address_has_an_edge(values: Values) -> None:
    objects = render({**values, "server": {"storageUri": URI, **values.get("server", {})}})
    shut, seen = set(), set()
    for pod in pods_of(objects):
        component = _component(pod)
        for host, port in _called(pod, objects):
            seen.add(component)
            if not _open(objects, component, host, port):
                shut.add(f"{component} -> {host}:{port}")
    assert not shut
    assert {"server", "training", "drift", "grafana", "tests"} <= seen


def test_replicas_on_other_ports_are_reached_by_readers() -> None:
    external = {"existingSecret": "database", "port": 6432, "readPorts": [5433, 5434]}
    objects = render({"server": {"storageUri": URI}, "postgres": {"enabled": False, "external": external}})
    readers = {
        _component(pod)
        for pod in pods_of(objects)
        for container in containers(pod)
        if "DATABASE_READ_URL" in {variable["name"] for variable in container.get("env", [])}
    }
    policed = {
        each["metadata"]["labels"][COMPONENT]: {
            port["port"] for rule in each["spec"]["egress"] for port in rule.get("ports", [])
        }
        for each in objects
        if each["kind"] == "NetworkPolicy"
    }
    assert readers == {"drift", "monitor"}
    assert {component for component, ports in policed.items() if {5433, 5434} <= ports} == readers
    assert {component for component, ports in policed.items() if ports & {5433, 5434}} == readers
    assert all(6432 in policed[component] for component in readers | {"server", "migrations", "log-maintenance"})
