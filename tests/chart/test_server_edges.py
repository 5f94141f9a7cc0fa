"""TLS, API keys and traces of the server: what it is given, and that whatever asks it asks as it answers."""

from typing import Any

import pytest
import yaml
from chart.rendering import CHART, Values, helm, one, render

from model_server.settings import ServerSettings

ID = "0123456789abcdef"
URI = f"s3://sentiment/sentiment/releases/{ID}/serving/"
PLAIN: Values = {"server": {"storageUri": URI, "podMonitor": {"enabled": True}}}
SECURE: Values = {
    "server": {
        **PLAIN["server"],
        "tls": {"existingSecret": "certificate"},
        "apiKeys": {"existingSecret": "hashes"},
        "otel": {"endpoint": "https://collector.observability:4318"},
    }
}


def _runtime(values: Values) -> dict[str, Any]:
    found: dict[str, Any] = one(render(values), "ServingRuntime", "sentiment-server")["spec"]
    return found


def _environment(values: Values) -> dict[str, str]:
    (container,) = _runtime(values)["containers"]
    return {variable["name"]: variable.get("value", "") for variable in container["env"]}


def test_files_are_where_the_settings_say() -> None:
    runtime = _runtime(SECURE)
    (container,) = runtime["containers"]
    mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"] if mount.get("readOnly")}
    secrets = {each["name"]: each["secret"] for each in runtime["volumes"] if "secret" in each}
    files = {
        "TLS_CERT_FILE": ("certificate", "tls.crt"),
        "TLS_KEY_FILE": ("certificate", "tls.key"),
        "API_KEYS_FILE": ("hashes", "api-keys.json"),
    }
    for variable, (secret, key) in files.items():
        folder, _, name = _environment(SECURE)[variable].rpartition("/")
        assert (secrets[mounted[folder]]["secretName"], name) == (secret, key)
        assert secrets[mounted[folder]]["defaultMode"] == 0o440, "nobody else reads a key"
    assert _environment(SECURE)["OTEL_EXPORTER_OTLP_ENDPOINT"] == "https://collector.observability:4318"


def test_connections_live_as_the_values_say() -> None:
    fields = (
        "keep_alive_seconds",
        "connection_age_seconds",
        "grpc_min_ping_seconds",
        "grpc_keepalive_seconds",
        "grpc_max_connections",
    )
    defaults = ServerSettings.model_fields
    assert {name: float(_environment(PLAIN)[name.upper()]) for name in fields} == {
        name: defaults[name].default for name in fields
    }
    grpc = {"minPingSeconds": 20, "keepaliveSeconds": 300, "maxConnections": 1_000_000 // 25}
    changed = _environment(
        {"server": {**PLAIN["server"], "keepAliveSeconds": 75, "connectionAgeSeconds": 0, "grpc": grpc}}
    )
    assert [changed[name.upper()] for name in fields] == ["75", "0", "20", "300", "40000"]


def test_nothing_of_it_by_default() -> None:
    assert not {"TLS_CERT_FILE", "TLS_KEY_FILE", "API_KEYS_FILE", "OTEL_EXPORTER_OTLP_ENDPOINT"} & set(
        _environment(PLAIN)
    )
    assert not [each for each in _runtime(PLAIN)["volumes"] if "secret" in each]


@pytest.mark.parametrize(("values", "scheme"), [(PLAIN, "http"), (SECURE, "https")], ids=["plain", "TLS"])
def test_all_clients_of_the_server_use_its_scheme(values: Values, scheme: str) -> None:
    objects = render(values)
    (container,) = _runtime(values)["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["scheme"] == scheme.upper()
    assert _runtime(values)["annotations"].get("prometheus.io/scheme", "http") == scheme
    (endpoint,) = one(objects, "PodMonitor", "sentiment-server")["spec"]["podMetricsEndpoints"]
    assert endpoint.get("scheme", "http") == scheme
    assert endpoint.get("tlsConfig", {}).get("insecureSkipVerify", False) == (scheme == "https")
    config = yaml.safe_load(one(objects, "ConfigMap", "sentiment-prometheus")["data"]["prometheus.yml"])
    (job,) = [job for job in config["scrape_configs"] if job["job_name"] == "pods"]
    assert ("tls_config" in job) == (scheme == "https")
    assert "__scheme__" in {rule.get("target_label") for rule in job["relabel_configs"]}
    assert one(objects, "ConfigMap", "sentiment-frontend")["data"]["PREDICTOR_SCHEME"] == scheme
    (probe,) = one(objects, "Pod", "sentiment-test-infer")["spec"]["containers"]
    settings = {variable["name"]: variable.get("value", "") for variable in probe["env"]}
    assert settings["SERVER_URL"] == f"{scheme}://sentiment-predictor:80"
    assert bool(settings["API_KEYS"]) == (values is SECURE)
    notes = helm("install", "sentiment", str(CHART), "--namespace", "ns", "--dry-run=client", values=values)
    command = next(line for line in notes.partition("\nNOTES:\n")[2].splitlines() if "curl" in line)
    assert command.endswith(f"{scheme}://localhost:8080/predict")
    assert ("-k" in command, "X-API-Key" in command) == (values is SECURE, values is SECURE)


def test_the_pages_proxy_uses_that_scheme() -> None:
    frontend = CHART.parents[1] / "frontend"
    template = (frontend / "nginx/default.conf.template").read_text("utf-8")
    assert "proxy_pass ${PREDICTOR_SCHEME}://$predictor$request_uri;" in template
    assert "PREDICTOR_SCHEME=http " in (frontend / "Dockerfile").read_text("utf-8")


def test_a_node_that_is_drained_leaves_one_that_averages() -> None:
    experiment = {"name": "b", "storageUri": URI}
    values: Values = {"server": {"experiments": [experiment], "graph": {"mode": "average", "replicas": 2}}}
    budget = one(render(values), "PodDisruptionBudget", "sentiment-average")["spec"]
    pods = one(render(values), "Deployment", "sentiment-average")["spec"]["template"]["metadata"]["labels"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"]["matchLabels"].items() <= pods.items()
    values["server"]["podDisruptionBudget"] = {"enabled": False}
    assert "PodDisruptionBudget" not in {each["kind"] for each in render(values)}
