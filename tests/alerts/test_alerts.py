"""Every alert is alone in its file, has a runbook and a promtool test that makes it fire and one that keeps it quiet."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RULES = sorted((ROOT / "charts/sentiment/alerts").glob("*.yaml"))
RUNBOOKS = ROOT / "docs/runbooks"

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (it comes with Prometheus): no rule is run"
)


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return found


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_an_alert_has_a_file_a_runbook_and_two_cases(path: Path) -> None:
    (group,) = _read(path)["groups"]
    (rule,) = group["rules"]
    assert group["name"] == rule["alert"] == path.stem
    assert rule["annotations"]["runbook_url"] == f"RUNBOOKS/{path.stem}.md"
    assert rule["labels"]["severity"] in ("warning", "critical")
    assert (RUNBOOKS / f"{path.stem}.md").read_text("utf-8").startswith(f"# {path.stem}\n")
    cases = _read(HERE / path.name)
    assert cases["rule_files"] == [f"../../charts/sentiment/alerts/{path.name}"]
    checks = [check for case in cases["tests"] for check in case["alert_rule_test"]]
    assert {check["alertname"] for check in checks} == {path.stem}
    assert any(check["exp_alerts"] for check in checks), "no case in which it fires"
    assert any(not check["exp_alerts"] for check in checks), "no case in which it keeps quiet"


def test_no_runbook_and_no_case_is_left_over() -> None:
    names = {path.stem for path in RULES}
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == names
    assert {path.stem for path in HERE.glob("*.yaml")} == names


@needs_promtool
@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_promtool_runs_its_cases(path: Path) -> None:
    for command in (("check", "rules", "--lint-fatal", str(path)), ("test", "rules", path.name)):
        done = subprocess.run(["promtool", *command], cwd=HERE, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
