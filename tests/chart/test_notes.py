"""The notes after an installation: commands that name this release, and what an uninstall will leave."""

import re

import pytest
from chart.rendering import CHART, Values, helm, render


def _notes(values: Values, release: str = "other") -> str:
    text = helm("install", release, str(CHART), "--namespace", "ns", "--dry-run=client", values=values)
    return text.partition("\nNOTES:\n")[2]


def test_every_command_names_the_release() -> None:
    commands = re.findall(r"sentiment [a-z]+ .*--cluster.*", _notes({}))
    assert len(commands) == 3
    assert all("-n ns" in command and "--release-name other" in command for command in commands)


_KEYS = {"existingSecret": "mine"}
RELEASE = "s3://sentiment/sentiment/releases/0123456789abcdef/serving/"


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"prometheus": {"enabled": False}, "grafana": {"enabled": False}},
        {
            "postgres": _KEYS,
            "objectStore": _KEYS,
            "grafana": _KEYS,
            "training": {"checkpoints": {"existingClaim": "mine"}},
        },
        {"postgres": {"enabled": False, "external": _KEYS}, "objectStore": {"engine": "external"}},
        {
            "postgres": {"enabled": False, "external": _KEYS},
            "objectStore": {"engine": "external"},
            "prometheus": {"enabled": False},
            "grafana": {"enabled": False},
            "training": {"enabled": False},
        },
    ],
)
def test_what_is_left_is_what_is_named(values: Values) -> None:
    """Volumes and the Secrets that are kept; without any, the notes do not mention them."""
    objects, notes = render(values, release="other"), _notes(values)
    volumes = {each["metadata"]["name"] for each in objects if each["kind"] in ("StatefulSet", "PersistentVolumeClaim")}
    secrets = {
        each["metadata"]["name"]
        for each in objects
        if each["kind"] == "Secret" and each["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    }
    left = dict(re.findall(r"^  (volumes of|Secrets) +(.*)$", notes, re.MULTILINE))
    assert set(left.get("volumes of", "").split()) == volumes
    assert set(left.get("Secrets", "").split()) == secrets
    assert ("helm uninstall" in notes) == bool(volumes | secrets)


@pytest.mark.parametrize(
    ("server", "connections"),
    [
        ({"replicas": 19}, None),
        ({"replicas": 20}, 210),
        ({"autoscaling": {"engine": "hpa", "maxReplicas": 40}}, 410),
        ({"replicas": 18, "experiments": [{"name": "b", "storageUri": RELEASE, "replicas": 5}]}, 240),
    ],
)
def test_too_few_connections_of_the_bundled_postgres_are_named(server: Values, connections: int | None) -> None:
    warned = re.findall(
        r"postgres.maxConnections is 200, too few .*; set it to (\d+) or more", _notes({"server": server})
    )
    assert warned == ([] if connections is None else [str(connections)])
    own = {"server": server, "postgres": {"enabled": False, "external": {**_KEYS, "host": "db.example", "port": 6432}}}
    assert "Warning" not in _notes(own) and "in the Postgres at db.example:6432" in _notes(own)
