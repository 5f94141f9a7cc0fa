"""Wrong values end with one sentence that names the key and the remedy."""

import pytest
from chart.rendering import Refused, Values, render

URI = "s3://bucket/sentiment/releases/0123456789abcdef/serving"
EXPERIMENT = {"name": "b", "storageUri": URI}

# Values, and what the message must hold: the key, and a word of the remedy.
CONTRADICTIONS: list[tuple[Values, str, str]] = [
    ({"postgres": {"external": {"host": "db"}}}, "postgres.enabled", "postgres.enabled=false"),
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
    ({"server": {"experiments": [EXPERIMENT, EXPERIMENT]}}, "server.experiments", "name of its own"),
    ({"server": {"experiments": [{**EXPERIMENT, "name": "champion"}]}}, "server.experiments", "choose another"),
    ({"server": {"experiments": [{**EXPERIMENT, "storageUri": "file"}]}}, "server.experiments", "s3://"),
    ({"server": {"experiments": [{**EXPERIMENT, "weight": 5, "shadow": True}]}}, "server.experiments", "leave one"),
    (
        {"server": {"experiments": [{**EXPERIMENT, "weight": 60}, {**EXPERIMENT, "name": "c", "weight": 60}]}},
        "server.experiments",
        "lower",
    ),
    ({"server": {"graph": {"mode": "split"}}}, "server.graph.mode", "server.graph.mode=none"),
    ({"server": {"env": {"LOG_TEXT": "hash"}}}, "server.env", "set the value"),
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
]


@pytest.mark.parametrize(("values", "key", "remedy"), CONTRADICTIONS)
def test_contradictions_are_refused_in_one_sentence(values: Values, key: str, remedy: str) -> None:
    with pytest.raises(Refused) as refused:
        render(values)
    line = next(line for line in str(refused.value).splitlines() if line.startswith("Error:"))
    sentence = line.split("): ", 1)[-1]
    assert key in sentence and remedy in sentence
    assert sentence.endswith(".") and ". " not in sentence


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"sever": {}}, "'sever'"),
        ({"server": {"replica": 3}}, "/server"),
        ({"server": {"replicas": "three"}}, "/server/replicas"),
        ({"server": {"replicas": 0}}, "/server/replicas"),
        ({"server": {"logText": "none"}}, "/server/logText"),
        ({"server": {"env": {"lower": "x"}}}, "/server/env"),
        ({"server": {"corsOrigins": ["page.example"]}}, "/server/corsOrigins/0"),
        ({"server": {"resources": {"limits": {"memory": "much"}}}}, "/server/resources/limits/memory"),
        ({"drift": {"schedule": "sometimes"}}, "/drift/schedule"),
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
