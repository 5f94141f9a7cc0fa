"""The report's page: values for its template, computed from the findings."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib import resources

import numpy as np
from jinja2 import Environment, StrictUndefined

from drift_cronjob.outcome import Findings
from drift_cronjob.report import plots, titles
from drift_cronjob.statistics.intervals import mean_difference
from drift_cronjob.statistics.statistic import Outcome, Statistic
from drift_cronjob.statistics.verdict import Verdict
from drift_cronjob.statistics.wording import number, title
from model_release.scoring.features import DESCRIPTORS
from sentiment_common import look
from sentiment_common.intervals import Interval, wilson

_FAMILIES = (
    ("data", "Data: are the texts like the reference's?"),
    ("concept", "Concept: does the model score them as before?"),
    ("performance", "Performance: are its answers still right?"),
)
_ADVICE = {
    Verdict.STABLE: "Nothing needs to be done.",
    Verdict.WARNING: "Look at the pictures and read some of the texts; check again when more traffic has arrived.",
    Verdict.DRIFT: (
        "Read some of the texts. If they are of a new kind, collect true labels for them and train again with them; "
        "until then, do not rely on the answers."
    ),
    Verdict.NOT_ENOUGH_DATA: "No verdict is possible yet.",
}
_TONES = {
    Verdict.STABLE: "good",
    Verdict.WARNING: "warn",
    Verdict.DRIFT: "bad",
    Verdict.NOT_ENOUGH_DATA: "soft",
}
_COLOURS = {Outcome.MATTERS: "strong", Outcome.SIDE_EVIDENCE: "some", Outcome.SMALL: "some"}  # classes of the page


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as a data address, the finding that it shows, and its shape on the page (wide, tall or half)."""

    address: str
    alt: str
    shape: str = "half"


def _row(statistic: Statistic) -> dict[str, object]:
    return {
        "title": title(statistic.name),
        "note": statistic.note,
        "value": number(statistic.value),
        "p": f"{statistic.p_adjusted:.3f}" if statistic.p_adjusted >= 0.001 else "< 0.001",
        "effect": number(statistic.effect),
        "floor": number(statistic.effect_floor),
        "bar": min(100.0, 50.0 * statistic.size),
        "rows": f"{statistic.n_reference:,} / {statistic.n_window:,}",
        "primary": statistic.primary,
        "outcome": statistic.outcome.value,
        "colour": _COLOURS.get(statistic.outcome, "none"),
    }


def _groups(statistics: list[Statistic]) -> list[dict[str, object]]:
    """The table's rows under the heading of their family; families without a test are left out."""
    found = [(heading, [_row(s) for s in statistics if s.family == family]) for family, heading in _FAMILIES]
    return [{"heading": heading, "rows": rows} for heading, rows in found if rows]


def _accuracies(findings: Findings) -> list[tuple[str, Interval]]:
    reference, window = findings.reference, findings.traffic.sample
    correct = reference.label == reference.true_label
    rows = [("reference", wilson(int(correct.sum()), correct.size))]
    feedback = findings.traffic.feedback_correct
    if feedback.size:
        rows.append((f"feedback ({feedback.size:,})", wilson(int(feedback.sum()), feedback.size)))
    estimate = mean_difference(window.confidence, reference.confidence - correct)
    value, low, high = (min(1.0, max(0.0, end)) for end in (estimate.value, estimate.low, estimate.high))
    return [*rows, ("estimated", Interval(value=value, low=low, high=high))]


def _pictures(findings: Findings, seed: int) -> list[Picture]:
    reference, traffic, statistics = findings.reference, findings.traffic, findings.battery.statistics
    window = traffic.sample
    if min(len(reference), len(window)) < 2:
        return []
    title = titles.scores_title(statistics)
    pictures = [Picture(plots.score_plot(reference, window, title), title, shape="wide")]
    if len(window.described) >= 2:
        title = titles.descriptors_title(statistics, DESCRIPTORS)
        drawing = plots.descriptor_plot(DESCRIPTORS, reference.described, window.described, title)
        pictures.append(Picture(drawing, title, shape="wide"))
    if min(len(reference.sketched), len(window.sketched)) >= 2:
        title = titles.embeddings_title(statistics)
        drawing = plots.sketch_plot(reference.sketched, window.sketched, np.random.default_rng(seed), title)
        pictures.append(Picture(drawing, title, shape="tall"))
    title = titles.traffic_title(statistics)
    pictures.append(Picture(plots.traffic_plot(traffic.time, window.label, title), title))
    title = titles.accuracy_title(statistics)
    pictures.append(Picture(plots.accuracy_plot(_accuracies(findings), title), title))
    return pictures


def _span(length: timedelta) -> str:
    if length < timedelta(hours=1):
        minutes, seconds = divmod(round(length.total_seconds()), 60)
        return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
    hours = length.total_seconds() / 3600
    if hours >= 48 and hours % 24 == 0:
        return f"{hours / 24:g} days"
    return "1 hour" if hours == 1 else f"{hours:g} hours"


def render_page(findings: Findings, created: datetime, evidently_page: str | None, seed: int) -> str:
    """Return the page's HTML; the only file that it refers to is Evidently's page."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    source = resources.files("drift_cronjob.report").joinpath("page.html.j2").read_text(encoding="utf-8")
    traffic, verdict = findings.traffic, findings.decision.verdict
    return environment.from_string(source).render(
        stylesheet=look.stylesheet(),
        verdict=verdict.value,
        tone=_TONES[verdict],
        reason=findings.decision.reason,
        advice=_ADVICE[verdict],
        facts=[
            ("Release", findings.manifest.release_id),
            ("Window", f"{traffic.start:%Y-%m-%d %H:%M} to {traffic.end:%Y-%m-%d %H:%M} UTC"),
            ("Length", _span(traffic.end - traffic.start)),
            ("Rows logged", f"{traffic.rows:,}"),
            ("Texts compared", f"{len(traffic.sample):,}"),
            ("Reference", f"{len(findings.reference):,} texts"),
            ("True labels", f"{traffic.feedback_correct.size:,}"),
        ],
        notes=findings.notes,
        groups=_groups(findings.battery.statistics),
        alpha=f"{100 * findings.alpha:g} %",
        permutations=f"{findings.battery.permutations:,}",
        pictures=_pictures(findings, seed),
        evidently_page=evidently_page,
        created=f"{created:%Y-%m-%d %H:%M:%S} UTC",
    )
