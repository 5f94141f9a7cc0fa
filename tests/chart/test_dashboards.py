"""The dashboards as Grafana reads them, and every metric that they and the alerts query is exported by a program."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from chart.rendering import CHART, one, render
from e2e.dashboards import panels as every_panel
from e2e.dashboards import queries as panel_queries

from drift_cronjob.monitor import exposition, figures
from drift_cronjob.monitor.watch import Figures
from model_server.metrics import Metrics
from prediction_log import WriterStats

DASHBOARDS = sorted((CHART / "dashboards").glob("*.json"))
_METRIC = re.compile(r"\bml_[a-z0-9_]+")
_BY_NAME = ("_bucket", "_sum", "_count", "_total", "")


def _dashboard(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_of_the_classic_form(path: Path) -> None:
    dashboard = _dashboard(path)
    assert dashboard["title"] and dashboard["uid"] and dashboard["schemaVersion"] >= 36
    panels = list(every_panel(dashboard["panels"]))
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place, title = panel["gridPos"], panel["title"]
        assert place["x"] + place["w"] <= 24 and min(place["w"], place["h"]) > 0, title
        if panel["type"] == "row":
            continue
        assert panel["targets"], title
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]), title
        for target in panel["targets"]:
            source = target.get("datasource") or panel["datasource"]
            assert source["type"] == "prometheus" and source["uid"] in ("prometheus", "${datasource}"), title


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_do_not_overlap(path: Path) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in _dashboard(path)["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} overlaps {taken[x, y]}"
                taken[x, y] = panel["title"]


def test_names_and_addresses_are_unique() -> None:
    uids = [_dashboard(path)["uid"] for path in DASHBOARDS]
    assert len(set(uids)) == len(uids) == 4


def test_the_chart_provisions_them_as_they_are() -> None:
    data = one(render(), "ConfigMap", "sentiment-grafana-dashboards")["data"]
    assert {name: json.loads(text) for name, text in data.items()} == {
        path.name: _dashboard(path) for path in DASHBOARDS
    }


def _exported() -> set[str]:
    """Names of every sample that the server and the monitor export when every figure is known."""
    server = Metrics()
    server.release.labels("a", "openvino-int8").set(1)
    server.watch_log(lambda: WriterStats(0, 0, 0, 0, 0, 0, 0, True, None, None))
    now = datetime.now(UTC)
    interval = figures.Interval(value=0.9, low=0.8, high=1)
    statistic = figures.DriftStatistic(name="estimated_accuracy", value=0.9, effect=0, effect_floor=0.1, p_value=1)
    check = figures.DriftCheck(
        id=1, created=now, window_start=now, window_end=now, release_id="a", verdict="stable", reason="", rows=1,
        statistics=[statistic], report_uri=None,
    )  # fmt: skip
    complete = Figures(
        checks=[check],
        releases=[figures.Release(id="a", created=now, accuracy=interval, train_seconds=1, champion=True)],
        feedback=figures.FeedbackAccuracy(release_id="a", rows=1, accuracy=interval),
        jobs=[figures.JobState(component="training", last_success=1, last_failure=1)],
        database=figures.Database(bytes=1, rows={"predictions": 1}),
        up={"log": True},
        read_at={"log": 1.0},
    )
    registries = (server.registry, exposition.registry(lambda: complete))
    families = [family for registry in registries for family in registry.collect()]
    return {sample.name for family in families for sample in family.samples} | {
        f"{family.name}{ending}"
        for family in families
        for ending in _BY_NAME
        if family.type in ("histogram", "counter")
    }


def test_every_queried_metric_is_exported() -> None:
    exported = _exported()
    for path in (*DASHBOARDS, *(CHART / "alerts").glob("*.yaml")):
        missing = set(_METRIC.findall(path.read_text("utf-8"))) - exported
        assert not missing, f"{path.name} queries {sorted(missing)}"


def test_refusals_of_the_http_layer_are_shown() -> None:
    queries = [query for panel, query in panel_queries(CHART / "dashboards") if panel.startswith("service: ")]
    assert "sum by (status) (rate(ml_http_refusals_total[2m]))" in queries
