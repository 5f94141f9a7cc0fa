"""The model card of a release in Markdown: its identity, training, figures and limits."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from model_release import Manifest
from sentiment_common.intervals import Interval
from training_job.card.findings import Titles, is_weak
from training_job.measure.baseline import Baseline
from training_job.measure.evaluate import Evaluation
from training_job.measure.quantisation import Comparison, Decision

KEPT = {
    "head": "a longer text keeps its head",
    "head_tail": "a longer text keeps a quarter of the tokens from its head and the rest from its tail",
}


@dataclass(frozen=True, slots=True)
class CardInputs:
    """Contents of the card.

    Attributes:
        baseline: None if it could not be measured.
        comparison: None for a release without int8.
        plots: path of each picture, relative to the card.
        titles: one sentence for each picture; None without pictures.
        missing: the reason by the name of each part that could not be made.
    """

    manifest: Manifest
    evaluation: Evaluation
    baseline: Baseline | None
    comparison: Comparison | None
    decision: Decision
    training_facts: Mapping[str, object]
    plots: Mapping[str, Path]
    titles: Titles | None
    missing: Mapping[str, str] = field(default_factory=dict)

    def picture(self, name: str) -> str:
        """Return the picture with its title as alternative text, or a line if it is missing."""
        if self.titles is None or name not in self.plots:
            return f"*The picture {name} is missing.*"
        return f"![{getattr(self.titles, name)}]({self.plots[name].as_posix()})"


def _percent(metric: Interval) -> str:
    return f"{metric.value * 100:.2f} %"


def _percent_interval(metric: Interval) -> str:
    return f"{metric.low * 100:.2f} to {metric.high * 100:.2f} %"


def _points(metric: Interval) -> str:
    return f"{metric.value * 100:+.2f} points ({metric.low * 100:+.2f} to {metric.high * 100:+.2f})"


def _plain(metric: Interval) -> str:
    return f"{metric.value:.4f} ({metric.low:.4f} to {metric.high:.4f})"


def _cell(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return " ".join(text.replace("|", "\\|").split())


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _front_matter(manifest: Manifest) -> str:
    return (
        "---\npipeline_tag: text-classification\nlibrary_name: transformers\n"
        f"base_model: {manifest.base_model}\ntags: [sentiment, distilbert, openvino]\nmetrics: [accuracy, f1]\n---"
    )


def _overview(inputs: CardInputs) -> str:
    manifest, evaluation = inputs.manifest, inputs.evaluation
    return f"""# {manifest.name}

Classifies a text as **{manifest.labels[0]}** or **{manifest.labels[1]}**, with a calibrated probability.
On {evaluation.rows:,} test rows it is right for **{_percent(evaluation.accuracy)}**
(95 % interval {_percent_interval(evaluation.accuracy)}); always answering {manifest.labels[evaluation.constant_label]}
is right for **{_percent(evaluation.constant_accuracy)}**, {_of_baseline(inputs)}.
{_against_constant(evaluation)}
{_missing(inputs.missing)}
{_table(("", ""), _identity(manifest))}"""


def _of_baseline(inputs: CardInputs) -> str:
    if inputs.baseline is None:
        return "and TF-IDF with logistic regression was not measured"
    return f"and TF-IDF with logistic regression, trained on the same rows, for {_percent(inputs.baseline.accuracy)}"


def _against_constant(evaluation: Evaluation) -> str:
    """Compare accuracy and balanced accuracy with a constant answer."""
    balanced = evaluation.balanced_accuracy
    in_accuracy = "" if evaluation.accuracy.low > evaluation.constant_accuracy.value else "**not** "
    in_balanced = "" if balanced.low > 0.5 else "**not** "
    return (
        f"Balanced accuracy, the mean over both labels, is **{_percent(balanced)}**\n"
        f"({_percent_interval(balanced)}); a constant answer has 50 %. The model is {in_accuracy}measurably better "
        f"than\na constant answer in accuracy, and {in_balanced}measurably better in balanced accuracy."
    )


def _missing(missing: Mapping[str, str]) -> str:
    if not missing:
        return ""
    lines = "\n".join(f"- {part}: {' '.join(reason.split())}" for part, reason in missing.items())
    return f"\n**Missing from this release**, because it could not be made:\n\n{lines}\n"


def _identity(manifest: Manifest) -> list[tuple[str, str]]:
    return [
        ("Made", manifest.created_at),
        ("Base model", manifest.base_model),
        ("Served by default", f"`{manifest.default_variant}`"),
        ("Longest text", f"{manifest.max_tokens} tokens; {KEPT[manifest.truncation]}"),
        ("Positive from", f"calibrated P(positive) ≥ {manifest.decision_threshold}"),
        ("Commit", manifest.git_commit or "not recorded"),
        ("MLflow run", manifest.mlflow_run_id or "not recorded"),
    ]


def _training(inputs: CardInputs) -> str:
    facts = [(f"`{name}`", "null" if value is None else value) for name, value in sorted(inputs.training_facts.items())]
    table = _table(("Fact", "Value"), facts) if facts else "No facts about the training were recorded."
    return f"""## Data and training

Fingerprint of the rows used (sha256): `{inputs.manifest.data_fingerprint}`. The model was not trained on the test rows.
The temperature was fitted on validation rows, which are neither training nor test rows.

{table}

{inputs.picture("training")}"""


def _results(inputs: CardInputs) -> str:
    evaluation, baseline, labels = inputs.evaluation, inputs.baseline, inputs.manifest.labels
    constant = f"Accuracy of always answering {labels[evaluation.constant_label]}"
    shares = [
        ("Accuracy", evaluation.accuracy, _with_interval(baseline.accuracy if baseline else None)),
        ("Balanced accuracy", evaluation.balanced_accuracy, ""),
        (constant, evaluation.constant_accuracy, ""),
        (f"F1 of {labels[1]}", evaluation.f1, _with_interval(baseline.f1 if baseline else None)),
    ]
    rows = [(title, _percent(share), _percent_interval(share), beside) for title, share, beside in shares]
    losses = (("Brier score", evaluation.brier), ("Negative log likelihood", evaluation.nll))
    rows += [(title, f"{loss.value:.4f}", _ends(loss), "") for title, loss in losses]
    return f"""## Results on {evaluation.rows:,} test rows

{_table(("Measure", "This model", "95 % interval", "TF-IDF + logistic regression"), rows)}

{_against_baseline(evaluation, baseline)} Figures are those of the variant served, `{inputs.manifest.default_variant}`.

{inputs.picture("confusion")}

{inputs.picture("probabilities")}"""


def _with_interval(metric: Interval | None) -> str:
    return f"{_percent(metric)} ({_percent_interval(metric)})" if metric else "not measured"


def _against_baseline(evaluation: Evaluation, baseline: Baseline | None) -> str:
    if baseline is None:
        return "The baseline could not be measured."
    margin = (evaluation.accuracy.value - baseline.accuracy.value) * 100
    verdict = "better" if margin > 0 else "worse" if margin < 0 else "no better"
    return (
        f"In accuracy the model is {abs(margin):.2f} points {verdict} than the baseline ({baseline.features:,} "
        f"{baseline.kind})."
    )


def _ends(metric: Interval) -> str:
    return f"{metric.low:.4f} to {metric.high:.4f}"


def _calibration(inputs: CardInputs) -> str:
    evaluation = inputs.evaluation
    before, after = evaluation.ece_before, evaluation.ece_after
    effect = "lowers the error" if after.value < before.value else "does not: one divisor cannot bend the curve below"
    return f"""## Calibration

The expected calibration error is {_plain(before)} as trained and {_plain(after)} after dividing the margin by
the temperature {evaluation.temperature:.4g}. The temperature maximises the likelihood of the validation rows' labels;
on the test rows it {effect}. Of the answers with confidence 0.9, nine in ten should be right.

{inputs.picture("reliability")}"""


def _slices(inputs: CardInputs) -> str:
    rows = [
        (part.name, f"{part.rows:,}", _percent(part.accuracy), _percent_interval(part.accuracy))
        for part in inputs.evaluation.slices
    ]
    return f"""## By kind of text

{_table(("Test rows", "n", "Accuracy", "95 % interval"), rows)}

{inputs.picture("slices")}"""


def _quantisation(inputs: CardInputs) -> str:
    comparison = inputs.comparison
    reason = f"{inputs.decision.reason[0].upper()}{inputs.decision.reason[1:]}."
    if comparison is None:
        return f"## Quantisation\n\n{reason}"
    return f"""## Quantisation

{reason}

{
        _table(
            ("int8 against fp32", f"on {comparison.rows:,} test rows"),
            [
                ("Same label", f"{_percent(comparison.agreement)} ({_percent_interval(comparison.agreement)})"),
                ("Accuracy", _points(comparison.accuracy_difference)),
                ("Balanced accuracy", _points(comparison.balanced_difference)),
                ("Largest difference of P(positive)", f"{comparison.largest_probability_difference:.4f}"),
            ],
        )
    }"""


def _limits(inputs: CardInputs) -> str:
    evaluation = inputs.evaluation
    weak = [
        f"Measurably weaker on test rows *{part.name}*: {_percent(part.accuracy)} "
        f"({_percent_interval(part.accuracy)}, n = {part.rows:,})."
        for part in evaluation.slices
        if is_weak(part, evaluation.accuracy)
    ]
    general = [
        "There are two labels: a neutral or mixed text still gets one of them, at best with a probability near 0.5.",
        f"It reads {inputs.manifest.max_tokens} tokens of a text ({KEPT[inputs.manifest.truncation]}), and ignores the "
        "rest.",
        "It was measured on rows like its training rows. Texts of another kind, language or time can lower its "
        "accuracy but not its confidence: watch the traffic for drift.",
        "Irony, quotations and comparisons with other works are known to mislead models of this kind.",
    ]
    lines = "\n".join(f"- {line}" for line in (*weak, *general))
    return f"## Limits\n\n{lines}"


def _serving(manifest: Manifest) -> str:
    variants = [
        (f"`{key}`", f"`{entry.path}/`", entry.kind, entry.precision, f"{entry.golden_tolerance:.3f}")
        for key, entry in sorted(manifest.variants.items())
    ]
    return f"""## Serving it

{_table(("Variant", "Files", "Engine", "Precision", "Golden tolerance"), variants)}

The folder's name is the release's id. `sentiment promote ID` makes it the champion, `sentiment serve` answers with the
champion, `sentiment serve --release ID` with this one. A server replays `serving/golden.json` before it is ready.
In Python:

```python
from pathlib import Path

from model_release import Scorer

scores = Scorer.load(Path("path/to/this/folder")).score(["A warm, funny film."])
print(scores.probability)  # calibrated P({manifest.labels[1]})
```
"""


def short_card(manifest: Manifest, missing: Mapping[str, str]) -> str:
    """Render a short card, for a release whose card could not be made: identity, figures and missing parts."""
    figures = [(name, f"{metric.value:.4f}", _ends(metric)) for name, metric in sorted(manifest.metrics.items())]
    return "\n\n".join(
        (
            _front_matter(manifest),
            f"# {manifest.name}\n{_missing(missing)}",
            _table(("", ""), _identity(manifest)),
            _table(("Measure", "On the test rows", "95 % interval"), figures),
            _serving(manifest),
        )
    )


def render_card(inputs: CardInputs) -> str:
    """Render the card as Markdown for GitHub, MLflow and model hubs."""
    manifest = inputs.manifest
    sections = (
        _front_matter(manifest),
        _overview(inputs),
        _results(inputs),
        _calibration(inputs),
        _slices(inputs),
        _quantisation(inputs),
        _training(inputs),
        _limits(inputs),
        _serving(manifest),
    )
    return "\n\n".join(sections)
