"""One finding has the same outcome on the report, in the terminal, in the command's JSON and in the monitor's."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from drift_cronjob.detectors.battery import Battery
from drift_cronjob.monitor.figures import DriftCheck
from drift_cronjob.outcome import DriftOutcome, Findings
from drift_cronjob.report.page import render_page
from drift_cronjob.statistics.statistic import Statistic
from drift_cronjob.statistics.verdict import Decision, Verdict
from drift_cronjob.terminal import show, to_json
from drift_cronjob.window.sample import Sample
from drift_cronjob.window.sources import Traffic

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
NOTHING = np.zeros(0)
SAMPLE = Sample(NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING.astype(np.int8), NOTHING.astype(np.int8))
TRAFFIC = Traffic(NOW, NOW, 200, 200, SAMPLE, NOTHING.astype("datetime64[ms]"), NOTHING.astype(np.bool_))
CASES = [
    ("matters", True, 1.0, 0.001),
    ("side evidence", False, 1.0, 0.001),
    ("small", True, 0.5, 0.001),
    ("too small to matter", True, 0.49, 0.001),
    ("too small to matter", False, 0.99, 0.001),
    ("no difference", True, 9.0, 0.031),
]


def statistic(primary: bool, size: float, p_value: float) -> Statistic:
    return Statistic("margin", "concept", 0.9, p_value, size * 0.2, 400, 200, "Margins fell", primary, 0.2, 0.004, 0.03)


@pytest.mark.parametrize(("word", "primary", "size", "p_value"), CASES)
def test_a_finding_has_one_outcome(
    word: str, primary: bool, size: float, p_value: float, capsys: pytest.CaptureFixture[str]
) -> None:
    found = statistic(primary, size, p_value)
    page = render_page(
        Findings(
            SimpleNamespace(release_id="a" * 16),  # type: ignore[arg-type]
            SAMPLE,
            TRAFFIC,
            Battery([found]),
            Decision(Verdict.STABLE, "As before."),
            [],
            0.05,
        ),
        NOW,
        None,
        0,
    )
    assert page.count(f'<span class="tag">{word}</span>') == 1
    outcome = DriftOutcome(
        verdict=Verdict.STABLE, reason="As before.", statistics=[found], notes=[], release_id="a" * 16,
        window_start=NOW, window_end=NOW, rows=200, texts=200, report_path="reports/[1]/x.html", row_id=1, actions=[], problems=[],
        incomplete=False,
    )  # fmt: skip
    show(outcome)
    lines = capsys.readouterr().out.splitlines()
    assert "report: reports/[1]/x.html" in lines
    (line,) = (line for line in lines if line.startswith("Margin"))
    assert line.rstrip().endswith(f"  {word}")
    (printed,) = json.loads(to_json(outcome))["statistics"]
    assert printed["outcome"] == word
    row = {"id": 1, "created": NOW, "window_start": NOW, "window_end": NOW, "release_id": "a" * 16, "rows": 200}
    row |= {"verdict": "stable", "reason": "As before.", "report_uri": None, "statistics": [asdict(found)]}
    (shown,) = DriftCheck.model_validate(row).model_dump(mode="json")["statistics"]
    assert (shown["outcome"], shown["title"]) == (word, "Margin")
    assert shown["size"] == pytest.approx(size)
