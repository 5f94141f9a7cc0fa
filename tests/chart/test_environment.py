"""Environment variables that values add: their form, and the programs and servers that get them."""

import copy

import pytest
from chart.rendering import Refused, Values, environment, one, render
from chart.strategies import section

from sentiment_common.http.settings import BodySettings

URI = "s3://sentiment/sentiment/releases/0123456789abcdef/serving/"
# Settings that the servers share and that `server.env` sets, in numbers as a values file holds them.
HTTP: Values = {
    "MAX_CONNECTIONS": 2_000_000,
    "REQUEST_HEAD_SECONDS": 45.5,
    "REQUEST_BODY_SECONDS": 300,
    "MAX_BODY_BYTES": 33_554_432,
    "MAX_BODIES_BYTES": 268_435_456,
}
WRITTEN = {
    "MAX_CONNECTIONS": "2000000",
    "REQUEST_HEAD_SECONDS": "45.5",
    "REQUEST_BODY_SECONDS": "300",
    "MAX_BODY_BYTES": "33554432",
    "MAX_BODIES_BYTES": "268435456",
}


def _average(server: Values, average: Values | None = None) -> Values:
    graph = {"mode": "average", "average": {"env": average or {}}}
    return {"server": {"storageUri": URI, "experiments": [{"name": "b", "storageUri": URI}], "graph": graph, **server}}


def test_an_averager_takes_the_bodies_and_times_that_the_server_takes() -> None:
    with_values = {"KEEP_ALIVE_SECONDS", "CONNECTION_AGE_SECONDS"}
    assert set(HTTP) | with_values == {name.upper() for name in BodySettings.model_fields}
    objects = render(_average({"env": HTTP | {"ENGINE_THREADS": 2}}))
    for kind, name in (("ServingRuntime", "sentiment-server"), ("Deployment", "sentiment-average")):
        assert WRITTEN.items() <= environment(objects, kind, name).items()
    assert "ENGINE_THREADS" not in environment(objects, "Deployment", "sentiment-average")
    assert not set(HTTP) & set(environment(objects, "Deployment", "sentiment-monitor"))


def test_an_averagers_own_variables_win() -> None:
    own = {"MAX_BODIES_BYTES": 0, "TIMEOUT_SECONDS": 120}
    found = environment(render(_average({"env": HTTP}, own)), "Deployment", "sentiment-average")
    expected = WRITTEN | {"MAX_BODIES_BYTES": "0", "TIMEOUT_SECONDS": "120"}
    assert {name: found[name] for name in expected} == expected


def test_the_monitor_takes_variables() -> None:
    values = {"monitor": {"env": {"MAX_CONNECTIONS": 50, "MONITOR_QUERY_SECONDS": 30}}}
    found = environment(render(values), "Deployment", "sentiment-monitor")
    assert (found["MAX_CONNECTIONS"], found["MONITOR_QUERY_SECONDS"]) == ("50", "30")


def test_the_page_waits_longer_than_the_server() -> None:
    names = ("KEEP_ALIVE_SECONDS", "CLIENT_HEADER_SECONDS", "CLIENT_BODY_SECONDS")

    def times(values: Values) -> list[str]:
        data = one(render(values), "ConfigMap", "sentiment-frontend")["data"]
        return [data[name] for name in names]

    assert times({}) == ["620", "20", "65"]
    (head, body) = (BodySettings.model_fields[f"request_{part}_seconds"].default for part in ("head", "body"))
    assert (head, body) == (20, 60)
    assert times({"server": {"env": HTTP, "keepAliveSeconds": 75}}) == ["75", "46", "305"]
    assert times({"server": {"env": {"REQUEST_BODY_SECONDS": " "}}})[2] == "65", "a blank variable is not set"


def test_the_page_leaves_as_the_server_does() -> None:
    """Its Service and a load balancer still send requests while they learn that the pod goes."""
    pod = one(render({"server": {"shutdownDelaySeconds": 30}}), "Deployment", "sentiment-frontend")["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert container["lifecycle"]["preStop"]["sleep"]["seconds"] == 30
    assert pod["spec"]["terminationGracePeriodSeconds"] >= 30 + 20


def test_no_variable_is_set_twice() -> None:
    """Of two variables with one name Kubernetes takes the last, and `kubectl apply` warns."""
    options: Values = {
        "tls": {"existingSecret": "tls"},
        "apiKeys": {"existingSecret": "keys"},
        "otel": {"endpoint": "http://otel:4318"},
    }
    everything: Values = {"server": options, "postgres": {"enabled": False, "external": {"existingSecret": "database"}}}
    everything["drift"] = {"retrain": {"enabled": True}, "exportFeedback": True}
    for key, kind, name, values in (
        ("server.env", "ServingRuntime", "server", everything),
        ("server.graph.average.env", "Deployment", "average", _average({})),
        ("training.env", "CronJob", "training", everything),
        ("drift.env", "CronJob", "drift", everything),
        ("monitor.env", "Deployment", "monitor", everything),
    ):
        taken = environment(render(values), kind, f"sentiment-{name}")
        again = copy.deepcopy(values)
        section(again, *key.split(".")).update(dict.fromkeys(taken, "x"))
        with pytest.raises(Refused, match=rf"{key} holds {', '.join(sorted(taken))}, which the chart sets itself"):
            render(again)


def test_an_alertmanager_of_yours_is_reached() -> None:
    values = {
        "alertmanager": {"enabled": False},
        "monitor": {"env": {"ALERTMANAGER_URL": "http://alerts.example:9999"}},
    }
    objects = render(values)
    assert environment(objects, "Deployment", "sentiment-monitor")["ALERTMANAGER_URL"] == "http://alerts.example:9999"
    egress = one(objects, "NetworkPolicy", "sentiment-monitor")["spec"]["egress"]
    assert {"protocol": "TCP", "port": 9999} in [port for rule in egress for port in rule["ports"]]
    with pytest.raises(Refused, match="ALERTMANAGER_URL, which the chart sets"):
        render({**values, "alertmanager": {"enabled": True}})


def test_a_kept_release_outlives_the_trainings_pod() -> None:
    """A training keeps a release in WORK_DIR when it cannot be published, and a later Job publishes it from there."""
    template = one(render(), "CronJob", "sentiment-training")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = template["containers"]
    (folder,) = [variable["value"] for variable in container["env"] if variable["name"] == "WORK_DIR"]
    (volume,) = [mount["name"] for mount in container["volumeMounts"] if folder.startswith(f"{mount['mountPath']}/")]
    claims = {each["name"]: each.get("persistentVolumeClaim") for each in template["volumes"]}
    assert claims[volume] == {"claimName": "sentiment-training"}
