"""The manifests for `kubectl apply -k` are what the chart renders, whole without Helm, and hold no password."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.invariants import check
from chart.rendering import render

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "k8s/manifests"
Object = dict[str, Any]

needs_helm = pytest.mark.skipif(
    shutil.which("helm") is None, reason="helm is not installed: what the chart renders cannot be compared"
)


def _secrets() -> list[Object]:
    """The Secrets that `secrets.sh` would make."""
    printed = subprocess.run([FOLDER / "secrets.sh", "--print"], check=True, capture_output=True, text=True).stdout
    return [each for each in yaml.safe_load_all(printed) if each["kind"] == "Secret"]


def _manifests() -> list[Object]:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))["resources"]
    return [each for place in listed for each in yaml.safe_load_all((FOLDER / place).read_text("utf-8"))]


@needs_helm
def test_they_are_what_the_chart_renders() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/render_manifests.py", "--check"], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_every_file_is_listed() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert sorted(listed) == sorted(str(path.relative_to(FOLDER)) for path in FOLDER.glob("*/*.yaml"))


def test_with_the_secrets_they_are_whole() -> None:
    secrets = _secrets()
    for secret in secrets:  # made by kubectl: no version of a chart, no manager
        for label in ("version", "managed-by"):
            secret["metadata"]["labels"][f"app.kubernetes.io/{label}"] = "none"
    check([*_manifests(), *secrets], {})


def test_nothing_of_helm_is_left() -> None:
    for path in FOLDER.rglob("*.yaml"):
        text = path.read_text("utf-8")
        assert "helm.sh/" not in text and "managed-by: Helm" not in text, path
        empty = [each for each in yaml.safe_load_all(text) if each.get("metadata", {}).get("annotations", {}) is None]
        assert not empty, path


def test_they_hold_no_password() -> None:
    assert "Secret" not in {each["kind"] for each in _manifests()}
    named = re.compile(r"(password|secret_access_key)\S*: *[\"']?[A-Za-z0-9]{12,}", re.IGNORECASE)
    for path in FOLDER.rglob("*.yaml"):
        assert not named.search(path.read_text("utf-8")), path


@needs_helm
def test_the_secrets_have_the_keys_and_annotations_of_the_charts() -> None:
    def form(secret: Object) -> tuple[set[str], Object]:
        annotations = secret["metadata"].get("annotations", {})
        kept = {name: value for name, value in annotations.items() if not name.startswith("helm.sh/")}
        return set(secret["stringData"]), kept

    charts = {each["metadata"]["name"]: form(each) for each in render() if each["kind"] == "Secret"}
    assert {each["metadata"]["name"]: form(each) for each in _secrets()} == charts


def test_the_secrets_are_new_each_time() -> None:
    def generated() -> set[str]:
        keys = ("password", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "admin-password")
        return {each["stringData"][key] for each in _secrets() for key in keys if key in each["stringData"]}

    one, two = generated(), generated()
    assert len(one) == len(two) == 4 and not one & two and all(len(value) >= 20 for value in one)
