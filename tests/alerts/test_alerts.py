"""Every alert is alone in its file, has a runbook and a promtool test that makes it fire and one that keeps it quiet.

promtool runs the rules as the chart renders them, in the namespace `ns`.
"""

import copy
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from chart.rendering import Values, one, render

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


def _rules(values: Values) -> dict[str, str]:
    """The rule files of the bundled Prometheus by name."""
    drawn = {**values, "prometheus": {"runbookBaseUrl": "https://runbooks.example"}}
    data: dict[str, str] = one(render(drawn), "ConfigMap", "sentiment-prometheus-rules")["data"]
    return data


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cases beside the rendered rules, in folders that lie to each other as here."""
    if shutil.which("helm") is None:
        pytest.skip("helm is not installed: no rule is rendered")
    root = tmp_path_factory.mktemp("rendered")
    rules, cases = root / "charts/sentiment/alerts", root / "tests/alerts"
    rules.mkdir(parents=True)
    shutil.copytree(HERE, cases, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for name, text in _rules({}).items():
        (rules / name).write_text(text, "utf-8")
    return cases


def _promtool(folder: Path, *arguments: str) -> None:
    done = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_promtool_runs_its_cases(path: Path, rendered: Path) -> None:
    _promtool(rendered, "check", "rules", "--lint-fatal", f"../../charts/sentiment/alerts/{path.name}")
    _promtool(rendered, "test", "rules", path.name)


def _fires(case: dict[str, Any]) -> bool:
    return any(check["exp_alerts"] for check in case["alert_rule_test"])


@needs_promtool
@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_what_happens_in_another_namespace_is_not_ours(path: Path, rendered: Path) -> None:
    """One Prometheus may watch several installations: a quiet one stays quiet whatever another's series say."""
    cases = _read(HERE / path.name)
    quiet = next(case for case in cases["tests"] if not _fires(case))
    series = copy.deepcopy(quiet["input_series"])
    for case in filter(_fires, cases["tests"]):
        for each in case["input_series"]:
            assert 'namespace="ns"' in each["series"]
            elsewhere = {**each, "series": each["series"].replace('"ns"', f'"other-{len(series)}"')}
            series.append(elsewhere)
    beside = rendered / f"beside-{path.name}"
    beside.write_text(yaml.safe_dump({**cases, "tests": [{**quiet, "input_series": series}]}), "utf-8")
    _promtool(rendered, "test", "rules", beside.name)


SEED = "0123456789abcdef"


@needs_promtool
@pytest.mark.parametrize(
    ("series", "release"),
    [
        ({}, SEED),
        ({"champion": 1}, "a1"),
        ({"ready": 0}, SEED),
        ({"ready": 1}, None),
        ({"champion": 1, "ready": 1}, None),
    ],
    ids=str,
)
def test_a_release_that_an_install_begins_with_is_to_answer(
    series: dict[str, int], release: str | None, tmp_path: Path
) -> None:
    """No promotion has named it, so there is no champion to ask the monitor for."""
    uri = f"s3://sentiment/sentiment/releases/{SEED}/serving/"
    text = _rules({"server": {"storageUri": uri}})["SentimentServerDown.yaml"]
    (tmp_path / "rules.yaml").write_text(text, "utf-8")
    names = {
        "champion": 'ml_champion_info{namespace="ns", release="a1"}',
        "ready": 'ml_ready{namespace="ns", pod="p", sentiment_variant="champion"}',
    }
    check: dict[str, Any] = {"eval_time": "30m", "alertname": "SentimentServerDown", "exp_alerts": []}
    if release:
        annotations = yaml.safe_load(text)["groups"][0]["rules"][0]["annotations"]
        filled = {key: value.replace("{{ $labels.release }}", release) for key, value in annotations.items()}
        labels = {"severity": "critical", "namespace": "ns", "release": release}
        check["exp_alerts"] = [{"exp_labels": labels, "exp_annotations": filled}]
    case = {
        "interval": "1m",
        "input_series": [{"series": names[name], "values": f"{value}x60"} for name, value in series.items()],
        "alert_rule_test": [check],
    }
    (tmp_path / "case.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [case]}), "utf-8")
    _promtool(tmp_path, "test", "rules", "case.yaml")


def test_every_metric_in_a_rule_is_of_one_namespace() -> None:
    for path in RULES:
        expr = _read(path)["groups"][0]["rules"][0]["expr"]
        metrics = re.findall(r"\b(?:ml|minio|kubelet)_[a-z0-9_]+(\{[^}]*\})?", expr)
        assert metrics and all('namespace="NAMESPACE"' in selector for selector in metrics), path.stem
