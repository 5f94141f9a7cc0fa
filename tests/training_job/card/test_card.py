"""The model card: figures as measured, in a document that Markdown readers can show."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model_release import EngineVariant, Manifest
from sentiment_common.intervals import Interval
from training_job.card import findings, plots
from training_job.card.markdown import CardInputs, render_card, short_card
from training_job.measure.baseline import Baseline
from training_job.measure.evaluate import Evaluation, evaluate
from training_job.measure.quantisation import Comparison, choose_default


def _evaluation() -> Evaluation:
    """200 rows, right on all but the 40 that hold HTML, of which half are wrong."""
    texts = ["<br />word" if index < 40 else f"word {'more ' * (index % 9)}" for index in range(200)]
    labels = np.arange(200) % 2
    wrong = np.arange(200) < 20
    margin = np.where(labels == 1, 2.0, -2.0) * np.where(wrong, -1, 1)
    tokens = np.array([len(text.split()) for text in texts])
    return evaluate(texts, labels, margin, tokens, tokens > 8, temperature=1.25, threshold=0.5)


@pytest.fixture(scope="module")
def inputs() -> CardInputs:
    evaluation = _evaluation()
    variant = EngineVariant(path="serving/openvino-int8", kind="openvino", precision="int8", golden_tolerance=0.03)
    manifest = Manifest(
        name="sentiment",
        created_at="2026-01-01T00:00:00+00:00",
        base_model="minilm",
        labels=("negative", "positive"),
        max_tokens=256,
        hidden_size=384,
        variants={"openvino-int8": variant},
        default_variant="openvino-int8",
        decision_threshold=0.5,
        temperature=1.25,
        metrics={},
        facts={"epochs": 3, "data": "reviews|of films\nand more"},
        data_fingerprint="ab" * 32,
        git_commit=None,
        mlflow_run_id="run-7",
        files=(),
    )
    comparison = Comparison(
        200,
        Interval(value=0.99, low=0.97, high=1),
        Interval(value=-0.002, low=-0.01, high=0.006),
        Interval(value=-0.003, low=-0.012, high=0.006),
        0.0412,
    )
    share = Interval(value=0.85, low=0.8, high=0.89)
    pictures = {name: Path(f"plots/{name}.png") for name in plots.PICTURES}
    titles = findings.find(evaluation, {}, 0, manifest.labels)
    baseline = Baseline(share, share, 12_345)
    return CardInputs(
        manifest, evaluation, baseline, comparison, choose_default(comparison), manifest.facts, pictures, titles
    )


def test_figures_stand_with_their_intervals_beside_the_baseline(inputs: CardInputs) -> None:
    card = render_card(inputs)
    accuracy = inputs.evaluation.accuracy
    assert f"| Accuracy | 90.00 % | {accuracy.low * 100:.2f} to {accuracy.high * 100:.2f} % | 85.00 % (80.00" in card
    assert "5.00 points better than the baseline (12,345 words" in card
    assert "| Accuracy | -0.20 points (-1.00 to +0.60) |" in card
    assert "Int8 is 0.20 points below fp32 on 200 test rows" in card
    assert "temperature 1.25" in card
    assert "ab" * 32 in card


def test_a_measurably_weak_kind_of_text_is_named_among_the_limits(inputs: CardInputs) -> None:
    limits = render_card(inputs).split("## Limits")[1]
    assert "with HTML tags" in limits
    assert "50.00 %" in limits
    assert "ASCII only" not in limits


def test_every_picture_is_shown_and_every_table_is_square(inputs: CardInputs) -> None:
    card = render_card(inputs)
    assert set(re.findall(r"\]\((plots/\w+\.png)\)", card)) == {f"plots/{name}.png" for name in plots.PICTURES}
    assert f"![{inputs.titles.slices}](plots/slices.png)" in card
    for table in re.findall(r"(?:^\|.*\|$\n?)+", card, re.M):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.strip().splitlines()}
        assert len(widths) == 1, table
    assert "reviews\\|of films and more" in card


def test_pictures_are_drawn_alike_from_the_same_data(tmp_path: Path) -> None:
    evaluation = _evaluation()
    curves = {"train_loss": [(1.0, 0.7), (2.0, 0.4)], "validation_accuracy": [(2.0, 0.8)]}
    labels = ("negative", "positive")
    titles = findings.find(evaluation, curves, 50, labels)
    drawn = [
        {
            picture: draw()
            for picture, draw in plots.drawings(evaluation, curves, 50, labels, titles, tmp_path / name).items()
        }
        for name in "ab"
    ]
    assert drawn[0].keys() == set(plots.PICTURES)
    for name in plots.PICTURES:
        first, second = (run[name].read_bytes() for run in drawn)
        assert first[:8] == b"\x89PNG\r\n\x1a\n"
        assert first == second
    without = plots.training_curve({}, 0, titles.training, tmp_path / "none.png")
    assert without.read_bytes() != drawn[0]["training"].read_bytes()


def test_the_headline_names_what_a_constant_answer_has(inputs: CardInputs) -> None:
    head = render_card(inputs).split("## Results")[0]
    assert "always answering negative\nis right for **50.00 %**" in head and "English" not in head
    assert "measurably better than\na constant answer in accuracy, and measurably better in balanced accuracy." in head
    rare = (np.arange(200) >= 198).astype(int)
    size = np.full(200, 5)
    constant = evaluate(["a"] * 200, rare, np.full(200, -1.0), size, size < 0, temperature=1, threshold=0.5)
    head = render_card(replace(inputs, evaluation=constant)).split("## Results")[0]
    assert "it is right for **99.00 %**" in head and "always answering negative\nis right for **99.00 %**" in head
    assert "Balanced accuracy, the mean over both labels, is **50.00 %**" in head
    assert "**not** measurably better than\na constant answer in accuracy, and **not** measurably better in" in head


def test_the_card_says_what_is_missing_and_why(inputs: CardInputs) -> None:
    plots_left = {name: path for name, path in inputs.plots.items() if name != "slices"}
    missing = {"the baseline": "no terms\nremain", "the picture slices": "no font"}
    card = render_card(replace(inputs, baseline=None, plots=plots_left, missing=missing))
    assert (
        "**Missing from this release**" in card
        and "\n- the baseline: no terms remain\n- the picture slices: no font\n" in card
    )
    assert "TF-IDF with logistic regression was not measured" in card and "| not measured |" in card
    assert "*The picture slices is missing.*" in card and card.count("![") == len(plots_left)
    assert render_card(replace(inputs, titles=None)).count("![") == 0
    short = short_card(
        inputs.manifest.model_copy(update={"metrics": {"accuracy": inputs.evaluation.accuracy}}), missing
    )
    assert (
        "| accuracy | 0.9000 |" in short
        and "- the baseline: no terms remain" in short
        and "`sentiment promote" in short
    )
