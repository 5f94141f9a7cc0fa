"""Monitoring of an installation: the bundled Prometheus, an operator's, and the rules that both get."""

import re
from typing import Any

import pytest
import yaml
from chart.rendering import Values, one, render

from drift_cronjob.monitor import exposition
from drift_cronjob.monitor.figures import JobState
from drift_cronjob.monitor.watch import Figures

OPERATED: Values = {
    "prometheus": {"enabled": False, "operator": {"enabled": True, "labels": {"release": "stack"}}},
    "grafana": {"prometheusUrl": "http://stack-prometheus.monitoring.svc:9090"},
    "server": {"podMonitor": {"enabled": True}},
    "monitor": {"podMonitor": {"enabled": True}},
}


def _pods_job() -> Values:
    config = yaml.safe_load(one(render(), "ConfigMap", "sentiment-prometheus")["data"]["prometheus.yml"])
    (job,) = [job for job in config["scrape_configs"] if job["job_name"] == "pods"]
    found: Values = job
    return found


def _rules(values: Values) -> dict[str, Any]:
    """Every rule by its alert's name, as the bundled Prometheus reads them."""
    files = one(render(values), "ConfigMap", "sentiment-prometheus-rules")["data"]
    return {name.removesuffix(".yaml"): yaml.safe_load(text)["groups"][0]["rules"][0] for name, text in files.items()}


def test_an_operator_finds_whatever_it_is_to_find() -> None:
    found = [each for each in render(OPERATED) if each["apiVersion"] == "monitoring.coreos.com/v1"]
    assert sorted(each["kind"] for each in found) == ["PodMonitor", "PodMonitor", "PrometheusRule"]
    assert all(each["metadata"]["labels"]["release"] == "stack" for each in found)


def test_an_operator_is_given_the_same_rules() -> None:
    groups = one(render(OPERATED), "PrometheusRule", "sentiment")["spec"]["groups"]
    assert {group["name"]: group["rules"][0]["expr"] for group in groups} == {
        name: rule["expr"] for name, rule in _rules({}).items()
    }


def test_series_have_the_same_labels_from_both_scrapers() -> None:
    """Rules and dashboards query by them."""
    bundled = {
        source: rule["target_label"]
        for rule in _pods_job()["relabel_configs"]
        for source in rule["source_labels"]
        if source.startswith("__meta_kubernetes_pod_label_")
    }
    for name in ("sentiment-server", "sentiment-monitor"):
        (endpoint,) = one(render(OPERATED), "PodMonitor", name)["spec"]["podMetricsEndpoints"]
        operated = {rule["sourceLabels"][0]: rule["targetLabel"] for rule in endpoint["relabelings"]}
        assert operated == bundled
        assert endpoint["honorLabels"] is True


def test_a_label_that_a_program_exports_is_not_renamed_for_the_pods() -> None:
    """Without honor_labels, Prometheus would make `exported_component` of the monitor's series on Jobs."""
    known = Figures(jobs=[JobState(component="drift", last_success=1)])
    exported = {
        label
        for family in exposition.registry(lambda: known).collect()
        for sample in family.samples
        for label in sample.labels
    }
    job = _pods_job()
    given = {rule.get("target_label") for rule in job["relabel_configs"]}
    assert "component" in exported & given
    assert job["honor_labels"] is True


@pytest.mark.parametrize(
    ("schedule", "hours"),
    [
        ("43 * * * *", 3),
        ("*/10 * * * *", 3),
        ("@hourly", 3),
        ("0 */6 * * *", 8),
        ("0 3 * * *", 26),
        ("0 3,15 * * *", 26),
        ("@daily", 26),
        ("0 3 * * 1", 170),
        ("0 3 * * Mon-Fri", 170),
        ("@weekly", 170),
        ("0 3 1 * *", 1490),
        ("0 3 1 * 1", 170),
        ("@monthly", 746),
        ("0 0 1 1 *", 8786),
    ],
)
def test_a_missed_check_is_judged_by_the_schedule(schedule: str, hours: int) -> None:
    expr = _rules({"drift": {"schedule": schedule}})["SentimentDriftJobMissed"]["expr"]
    assert {int(number) for number in re.findall(r"\b(\d{4,})s?\b", expr)} == {hours * 3600}


@pytest.mark.parametrize(
    ("size", "count"),
    [("8Gi", "8589934592"), ("1.5Ti", "1649267441664"), ("20G", "20000000000"), ("900000k", "900000000")],
)
def test_the_database_is_judged_by_the_size_of_its_volume(size: str, count: str) -> None:
    assert f"/ {count} < 0.15" in _rules({"postgres": {"size": size}})["SentimentDiskFilling"]["expr"]


def test_a_database_of_somebody_elses_has_no_size() -> None:
    rules = _rules({"postgres": {"enabled": False, "external": {"existingSecret": "database"}}})
    assert "/ Inf < 0.15" in rules["SentimentDiskFilling"]["expr"]


def test_what_is_switched_off_is_not_missed() -> None:
    every = set(_rules({}))
    assert every - set(_rules({"drift": {"enabled": False}})) == {"SentimentDriftJobMissed", "SentimentDriftJobFailed"}
    assert every - set(_rules({"monitor": {"enabled": False}})) == {"SentimentMonitorDown"}


def test_nothing_is_left_open_in_a_rule() -> None:
    text = str(_rules({}))
    assert not re.search(r"RUNBOOKS|NAMESPACE|DRIFT_LIMIT|DATABASE_BYTES", text)
