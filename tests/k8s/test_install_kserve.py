"""`k8s/install-kserve.sh` asks for charts and values that KServe has, as its own Go module holds them."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

SCRIPT = Path(__file__).parents[2] / "k8s/install-kserve.sh"
VERSION = re.search(r"^version=(\S+)$", SCRIPT.read_text(), re.MULTILINE)[1]  # type: ignore[index]


def _run(folder: Path, helm: str) -> tuple[int, list[list[str]]]:
    """The script's exit code and its calls of helm in an empty cluster; `helm` is the body of the program."""
    calls = folder / "calls.txt"
    for name, body in (("kubectl", "exit 1"), ("sleep", "exit 0"), ("helm", f'echo "$*" >> {calls}\n{helm}')):
        program = folder / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    environment = {"PATH": f"{folder}:{os.environ['PATH']}"}
    code = subprocess.run(["bash", str(SCRIPT)], env=environment, capture_output=True).returncode
    return code, [line.split() for line in calls.read_text().splitlines()]


def test_a_first_refusal_by_the_webhooks_is_retried_once(tmp_path: Path) -> None:
    first = tmp_path / "refused"
    code, calls = _run(tmp_path, f"case $3 in kserve) [ -e {first} ] || {{ touch {first}; exit 1; }};; esac")
    assert code == 0
    assert [call[2] for call in calls] == ["cert-manager", "kserve-crd", "kserve", "kserve"]
    assert calls[2] == calls[3]


def test_a_lasting_failure_ends_the_installation(tmp_path: Path) -> None:
    code, calls = _run(tmp_path, "case $3 in kserve) exit 1;; esac")
    assert code == 1
    assert [call[2] for call in calls].count("kserve") == 2


@pytest.fixture(scope="module")
def charts() -> Path:
    """The folder of charts in KServe's Go module of the script's version."""
    if shutil.which("go") is None:
        pytest.skip("needs go, which downloads KServe's module")
    command = ["go", "mod", "download", "-json", f"github.com/kserve/kserve@{VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, cwd="/")
    if done.returncode != 0:
        pytest.skip("needs a Go module proxy, for KServe's module")
    return Path(json.loads(done.stdout)["Dir"]) / "charts"


def test_kserve_has_the_charts_and_the_values_of_the_script(charts: Path, tmp_path: Path) -> None:
    _, calls = _run(tmp_path, "exit 0")
    kserves = [call for call in calls if call[3].startswith("oci://ghcr.io/kserve/charts/")]
    assert len(kserves) == 2
    for call in kserves:
        chart = charts / call[3].rpartition("/")[2]
        assert (
            yaml.safe_load((chart / "Chart.yaml").read_text())["version"]
            == VERSION
            == call[call.index("--version") + 1]
        )
        for given in (call[place + 1] for place, word in enumerate(call) if word == "--set"):
            values = yaml.safe_load((chart / "values.yaml").read_text())
            for key in given.partition("=")[0].split("."):
                assert key in values, given
                values = values[key]
