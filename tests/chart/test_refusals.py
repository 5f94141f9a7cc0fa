"""Wrong values end with one sentence that names the key and the remedy."""

import pytest
from chart.rendering import CHART, Refused, Values, helm, render

URI = "s3://bucket/sentiment/releases/0123456789abcdef/serving"
EXPERIMENT = {"name": "b", "storageUri": URI}
GATEWAY: Values = {"gateway": {"enabled": True, "name": "edge"}}

# Values, and what the message must hold: the key, and a word of the remedy.
CONTRADICTIONS: list[tuple[Values, str, str]] = [
    ({"postgres": {"external": {"host": "db"}}}, "postgres.enabled", "postgres.enabled=false"),
    ({"postgres": {"external": {"readPorts": [5433]}}}, "postgres.enabled", "postgres.external.readPorts"),
    ({"postgres": {"enabled": False}}, "postgres.external.existingSecret", "DATABASE_URL"),
    ({"objectStore": {"endpoint": "https://s3.example"}}, "objectStore.endpoint", "objectStore.engine=external"),
    (
        {"objectStore": {"engine": "external", "endpoint": "https://s3.example"}},
        "objectStore.existingSecret",
        "AWS_ACCESS_KEY_ID",
    ),
    ({"mlflow": {"external": {"uri": "http://mlflow:5000"}}}, "mlflow.enabled", "mlflow.enabled=false"),
    (
        {"server": {"autoscaling": {"engine": "keda"}}, "prometheus": {"enabled": False}},
        "server.autoscaling.prometheusUrl",
        "address",
    ),
    ({"server": {"replicas": 9, "autoscaling": {"engine": "hpa"}}}, "server.autoscaling.maxReplicas", "raise"),
    ({"server": {"storageUri": "s3://bucket/model"}}, "server.storageUri", "releases/ID/serving"),
    ({"server": {"experiments": [EXPERIMENT, EXPERIMENT]}}, "server.experiments", "different name"),
    ({"server": {"experiments": [{**EXPERIMENT, "name": "champion"}]}}, "server.experiments", "choose another"),
    ({"server": {"experiments": [{**EXPERIMENT, "storageUri": "file"}]}}, "server.experiments", "s3://"),
    ({"server": {"experiments": [{**EXPERIMENT, "weight": 5, "shadow": True}]}}, "server.experiments", "leave one"),
    (
        {
            "server": {"experiments": [{**EXPERIMENT, "weight": 60}, {**EXPERIMENT, "name": "c", "weight": 60}]},
            **GATEWAY,
        },
        "server.experiments",
        "lower",
    ),
    (
        {"server": {"experiments": [EXPERIMENT], "graph": {"mode": "split"}, "tls": {"existingSecret": "a"}}},
        "server.tls.existingSecret",
        "server.graph.mode=none",
    ),
    (
        {"server": {"experiments": [EXPERIMENT], "graph": {"mode": "average"}, "apiKeys": {"existingSecret": "a"}}},
        "server.apiKeys.existingSecret",
        "server.graph.mode=none",
    ),
    ({"server": {"env": {"TLS_CERT_FILE": "/tls.crt"}}}, "server.env", "use the chart's values"),
    ({"server": {"graph": {"mode": "split"}}}, "server.graph.mode", "server.graph.mode=none"),
    ({"server": {"env": {"LOG_TEXT": "hash"}}}, "server.env", "use the chart's values"),
    ({"server": {"image": {"tag": "latest"}}}, "tag", "version or a digest"),
    ({"gateway": {"enabled": True}}, "gateway.name", "name the Gateway"),
    ({"training": {"data": {"train": "/data/a.csv"}}}, "training.data.train", "training.data.existingClaim"),
    (
        {"training": {"data": {"train": "/other/a.csv", "configMap": "rows"}}},
        "training.data.mountPath",
        "give a path below",
    ),
    ({"training": {"data": {"configMap": "a", "existingClaim": "b"}}}, "training.data.configMap", "empty one"),
    ({"training": {"data": {"mountPath": "/tmp/x"}}}, "training.data.mountPath", "choose another"),
    (
        {"drift": {"retrain": {"enabled": True}}, "training": {"enabled": False}},
        "drift.retrain.enabled",
        "training.enabled=true",
    ),
    ({"alertmanager": {"webhook": True}}, "alertmanager.existingSecret", "webhook-url"),
    ({"alertmanager": {"slackChannel": "#alerts"}}, "alertmanager.existingSecret", "slack-url"),
    ({"alertmanager": {"existingSecret": "receivers"}}, "alertmanager.existingSecret", "alertmanager.webhook=true"),
    ({"prometheus": {"operator": {"enabled": True}}}, "prometheus.operator.enabled", "prometheus.enabled=false"),
    ({"prometheus": {"enabled": False}}, "grafana.prometheusUrl", "grafana.enabled=false"),
    ({"server": {"experiments": [{**EXPERIMENT, "shadow": True}]}}, "shadow", "gateway.enabled=true"),
    ({"server": {"experiments": [{**EXPERIMENT, "weight": 5}]}}, "weight", "server.graph.mode=split"),
    (
        {"server": {"experiments": [{**EXPERIMENT, "weight": 5}], "graph": {"mode": "ensemble"}}},
        "weight",
        "gateway.enabled=true",
    ),
]

# What values may name, and the keys that it must have (Secrets only).
NAMED: list[tuple[Values, str, list[str]]] = [
    ({"global": {"imagePullSecrets": ["the-name"]}}, "global.imagePullSecrets", [".dockerconfigjson"]),
    (
        {"postgres": {"existingSecret": "the-name"}},
        "postgres.existingSecret",
        ["username", "password", "database", "DATABASE_URL"],
    ),
    (
        {"postgres": {"enabled": False, "external": {"existingSecret": "the-name"}}},
        "postgres.external.existingSecret",
        ["DATABASE_URL"],
    ),
    (
        {"objectStore": {"existingSecret": "the-name"}},
        "objectStore.existingSecret",
        ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"],
    ),
    ({"server": {"tls": {"existingSecret": "the-name"}}}, "server.tls.existingSecret", ["tls.crt", "tls.key"]),
    ({"server": {"apiKeys": {"existingSecret": "the-name"}}}, "server.apiKeys.existingSecret", ["api-keys.json"]),
    (
        {"alertmanager": {"existingSecret": "the-name", "webhook": True, "slackChannel": "#alerts"}},
        "alertmanager.existingSecret",
        ["slack-url", "webhook-url"],
    ),
    (
        {"alertmanager": {"existingSecret": "the-name", "webhook": True}},
        "alertmanager.existingSecret",
        ["keys webhook-url,"],
    ),
    ({"grafana": {"existingSecret": "the-name"}}, "grafana.existingSecret", ["admin-user", "admin-password"]),
    ({"training": {"data": {"existingClaim": "the-name"}}}, "training.data.existingClaim", []),
    ({"training": {"checkpoints": {"existingClaim": "the-name"}}}, "training.checkpoints.existingClaim", []),
    ({"training": {"data": {"configMap": "the-name"}}}, "training.data.configMap", []),
]
# With these APIs, a rendering has a cluster, where `lookup` finds nothing, as in an empty namespace.
_A_CLUSTER = [
    part
    for api in ("apiregistration.k8s.io/v1", "serving.kserve.io/v1alpha1", "serving.kserve.io/v1beta1")
    for part in ("--api-versions", api)
]


def _sentence(refused: pytest.ExceptionInfo[Refused]) -> str:
    """Return the message, one sentence, without the place in the templates."""
    line = next(line for line in str(refused.value).splitlines() if line.startswith("Error:"))
    sentence = line.split("): ", 1)[-1]
    assert sentence.endswith(".") and ". " not in sentence
    return sentence


@pytest.mark.parametrize(("values", "key", "fields"), NAMED)
def test_what_values_name_has_to_be_there(values: Values, key: str, fields: list[str]) -> None:
    render(values)
    with pytest.raises(Refused) as refused:
        helm("template", "sentiment", str(CHART), "--namespace", "ns", *_A_CLUSTER, values=values)
    sentence = _sentence(refused)
    assert sentence.startswith(f"{key} names the ") and '"the-name"' in sentence and "create it there" in sentence
    assert all(field in sentence for field in fields)


@pytest.mark.parametrize(
    ("values", "api"),
    [
        ({"server": {"podMonitor": {"enabled": True}}}, "monitoring.coreos.com"),
        ({"monitor": {"podMonitor": {"enabled": True}}}, "monitoring.coreos.com"),
        (
            {"prometheus": {"enabled": False, "operator": {"enabled": True}}, "grafana": {"enabled": False}},
            "monitoring.coreos.com",
        ),
        ({"server": {"autoscaling": {"engine": "keda"}}}, "keda.sh"),
        ({"gateway": {"enabled": True, "name": "edge"}}, "gateway.networking.k8s.io"),
    ],
)
def test_what_the_cluster_lacks_is_named(values: Values, api: str) -> None:
    with pytest.raises(Refused) as refused:
        helm("template", "sentiment", str(CHART), *_A_CLUSTER, values=values)
    assert api in _sentence(refused)


@pytest.mark.parametrize(("values", "key", "remedy"), CONTRADICTIONS)
def test_contradictions_are_refused_in_one_sentence(values: Values, key: str, remedy: str) -> None:
    with pytest.raises(Refused) as refused:
        render(values)
    sentence = _sentence(refused)
    assert key in sentence and remedy in sentence


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"sever": {}}, "'sever'"),
        ({"server": {"replica": 3}}, "/server"),
        ({"server": {"replicas": "three"}}, "/server/replicas"),
        ({"server": {"replicas": 0}}, "/server/replicas"),
        ({"postgres": {"external": {"readPorts": [0]}}}, "/postgres/external/readPorts/0"),
        ({"server": {"logText": "none"}}, "/server/logText"),
        ({"server": {"env": {"lower": "x"}}}, "/server/env"),
        ({"server": {"corsOrigins": ["page.example"]}}, "/server/corsOrigins/0"),
        ({"server": {"resources": {"limits": {"memory": "much"}}}}, "/server/resources/limits/memory"),
        ({"drift": {"schedule": "sometimes"}}, "/drift/schedule"),
        ({"grafana": {"prometheusUrl": "http://|"}}, "/grafana/prometheusUrl"),
        ({"mlflow": {"external": {"uri": "http://me:secret@mlflow"}}}, "/mlflow/external/uri"),
        ({"drift": {"alpha": 2}}, "/drift/alpha"),
        ({"training": {"mode": "slow"}}, "/training/mode"),
        ({"training": {"data": {"train": "rows.csv"}}}, "/training/data/train"),
        ({"global": {"imagePullSecrets": [""]}}, "/global/imagePullSecrets/0"),
    ],
)
def test_the_schema_names_the_place(values: Values, place: str) -> None:
    with pytest.raises(Refused, match="specifications of the schema") as refused:
        render(values)
    assert place in str(refused.value)


def test_names_that_are_too_long_are_cut() -> None:
    objects = render(release="a-very-long-name-of-a-release-that-helm-still-allows"[:53])
    assert max(len(each["metadata"]["name"]) for each in objects if each["kind"] == "CronJob") <= 52
