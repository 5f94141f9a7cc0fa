"""A release is built from a tiny real network and served from its folder alone."""

import json
from collections import Counter
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.factories import make_texts
from kit.release_inputs import release_inputs
from pydantic import ValidationError

from model_release import Manifest, OpenVINOEngine, ReleaseStore, Scorer
from model_release.golden import GoldenSet, read_golden, replay
from model_release.reference import REFERENCE, read_reference
from model_release.scoring.engine import Precision
from model_release.seen import SEEN, is_new_to
from training_job.build import release as package
from training_job.build.release import build_release, stratified
from training_job.build.types import BuiltRelease
from training_job.card.plots import PICTURES
from training_job.measure.quantisation import Decision


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[BuiltRelease, list[tuple[str, int | None, int]]]:
    """A release of 120 test rows, and each stage with its announced and its counted rows."""
    stages: list[tuple[str, int | None]] = []
    done: Counter[str] = Counter()
    inputs = release_inputs(
        tmp_path_factory.mktemp("build"),
        on_stage=lambda name, rows: stages.append((name, rows)),
        on_progress=lambda rows: done.update({stages[-1][0]: rows}),
    )
    return build_release(inputs), [(name, rows, done[name]) for name, rows in stages]


def test_the_folder_holds_what_the_contract_names(built: tuple[BuiltRelease, Any]) -> None:
    release = built[0]
    default = release.manifest.default_variant
    other = ({"openvino-int8", "openvino-bf16"} - {default}).pop()
    names = {entry.path for entry in release.manifest.files}
    assert {
        "serving/tokenizer.json",
        "serving/golden.json",
        f"serving/{default}/model.xml",
        f"serving/{default}/model.bin",
        f"{other}/model.xml",
        "torch/config.json",
        "torch/model.safetensors",
        "torch/tokenizer.json",
        "reference/reference.parquet",
        "MODEL_CARD.md",
        "MODEL_CARD.html",
        "plots/reliability.png",
    } <= names
    assert not any(name.startswith(f"{default}/") for name in names)
    assert release.card.read_text().startswith("---\n")
    assert Manifest.parse(release.manifest.canonical(), "built") == release.manifest


def test_a_limit_of_the_bases_tokenizer_does_not_reach_the_release(built: tuple[BuiltRelease, Any]) -> None:
    for path in ("serving/tokenizer.json", "torch/tokenizer.json"):
        document = json.loads((built[0].folder / path).read_text())
        assert (document["truncation"], document["padding"]) == (None, None)


def test_progress_counts_every_row_of_a_stage(built: tuple[BuiltRelease, Any]) -> None:
    stages = {name: (rows, done) for name, rows, done in built[1]}
    assert stages["compare int8 with fp32"] == (120, 120)
    assert stages["calibrate"] == (60, 60)
    assert stages["evaluate"] == (120, 120)
    assert stages["baseline"] == (None, 0)


def test_a_published_release_answers_as_it_was_measured(built: tuple[BuiltRelease, Any], tmp_path: Path) -> None:
    release = built[0]
    store = ReleaseStore(str(tmp_path / "store"))
    release_id = store.publish(release.folder, release.manifest)
    folder = store.fetch("sentiment", release_id, tmp_path / "cache")
    scorer = Scorer.load(folder, expect_id=release_id, threads=1)
    golden = read_golden(folder / "serving/golden.json")
    assert replay(scorer, golden) <= golden.tolerance
    texts, labels = make_texts(120, 3)
    scores = scorer.score(texts)
    measured = release.manifest.metrics["accuracy"].value
    assert np.mean(scores.label == labels) == pytest.approx(measured, abs=2 / 120)  # int8 moves with its batch
    assert np.abs(scores.probability - release.evaluation.probability).max() < 0.03


def test_every_variant_answers_the_golden_texts_within_its_own_tolerance(built: tuple[BuiltRelease, Any]) -> None:
    import torch
    from transformers import DistilBertForSequenceClassification

    release = built[0]
    for name in ("serving/manifest.json", "manifest.json"):
        (release.folder / name).write_bytes(release.manifest.canonical())
    golden = read_golden(release.folder / "serving/golden.json")
    for key in ("openvino-int8", "openvino-bf16"):
        scorer = Scorer.load(release.folder, variant=key, threads=1)
        tolerance = release.manifest.variants[key].golden_tolerance
        assert replay(scorer, golden, tolerance) <= tolerance
    model = DistilBertForSequenceClassification.from_pretrained(release.folder / "torch").eval()
    assert model.config.id2label == {0: "negative", 1: "positive"}
    with torch.no_grad():
        logits = [model(torch.tensor([item.ids])).logits.numpy() for item in scorer.encode(golden.texts)]
    probability = np.array([judgement.probability for judgement in scorer.finish(np.concatenate(logits))])
    allowed = release.manifest.variants["torch"].golden_tolerance
    assert np.abs(probability - golden.probabilities).max() <= allowed


def test_golden_texts_hold_probes_and_test_texts(built: tuple[BuiltRelease, Any]) -> None:
    golden = json.loads((built[0].folder / "serving/golden.json").read_text())
    assert len(golden["texts"]) == package.GOLDEN_TEXTS
    assert "I loved it 😀👍" in golden["texts"]
    assert np.ptp(golden["probabilities"]) > 0.1


def test_the_manifest_contains_figures_and_facts(built: tuple[BuiltRelease, Any]) -> None:
    manifest = built[0].manifest
    assert {
        "accuracy", "balanced_accuracy", "constant_accuracy", "f1", "ece_before", "ece_after", "baseline_accuracy", "int8_agreement", "int8_accuracy_difference",
    } <= manifest.metrics.keys()  # fmt: skip
    for metric in manifest.metrics.values():
        assert metric.low <= metric.value <= metric.high
    assert manifest.facts["epochs"] == 1
    assert manifest.facts["int8_compared_rows"] == 60
    assert (manifest.facts["train_rows"], manifest.facts["test_rows"]) == (120, 120)
    assert manifest.temperature == built[0].evaluation.temperature


def test_the_reference_is_a_sample_of_the_test_rows(built: tuple[BuiltRelease, Any]) -> None:
    reference = read_reference(built[0].folder / REFERENCE)
    assert len(reference) == 120
    assert reference.label.mean() == 0.5
    answered = dict(zip(reference.text_hash, reference.probability, strict=True))
    assert len(answered) == 120
    assert sorted(answered.values()) == pytest.approx(sorted(built[0].evaluation.probability))


def test_the_rows_it_was_made_from_are_recorded(built: tuple[BuiltRelease, Any]) -> None:
    texts = [*make_texts(120, 1)[0], *make_texts(60, 2)[0]]
    assert not is_new_to(built[0].folder, texts).any()
    assert is_new_to(built[0].folder, make_texts(120, 3)[0]).all()


def test_a_dozen_rows_that_int8_would_hurt_make_a_release_that_serves_bf16_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = "int8 is 0.90 points below fp32 on 60 test rows, over the accepted loss of 0.5 points: bf16 is served"
    monkeypatch.setattr(package, "choose_default", lambda _: Decision("openvino-bf16", reason))
    release = build_release(release_inputs(tmp_path, rows=6, curves={}, facts={}))
    manifest = release.manifest
    assert manifest.default_variant == "openvino-bf16"
    assert manifest.variants["openvino-bf16"].path == "serving/openvino-bf16"
    assert manifest.variants["openvino-int8"].path == "openvino-int8"
    assert (release.folder / "openvino-int8/model.xml").is_file()
    assert manifest.facts["default_variant_reason"] == reason
    assert "over the accepted loss of 0.5 points: bf16 is served" in release.card.read_text()
    assert manifest.temperature == 1.0  # three validation rows say nothing about confidence
    assert manifest.facts["int8_compared_rows"] == 6
    assert len(read_reference(release.folder / REFERENCE)) == 6


def test_nothing_that_decorates_a_release_can_end_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each part fails as it may: a library's error, a full disk, an exhausted memory."""

    def failing(error: Exception) -> Any:
        def fail(*_: object, **__: object) -> None:
            raise error

        return fail

    monkeypatch.setattr(package, "measure_baseline", failing(ValueError("After pruning, no terms remain.")))
    monkeypatch.setattr(package.plots, "slice_accuracy", failing(MemoryError()))
    monkeypatch.setattr(package, "version", failing(PackageNotFoundError("torch")))
    monkeypatch.setattr(package.card_page, "render_page", failing(OSError(28, "No space left on device")))
    lines: list[str] = []
    release = build_release(release_inputs(tmp_path / "one", rows=6, curves={}, facts={}, say=lines.append))
    assert list(release.missing) == ["the baseline", "the picture slices", "the card's page"]
    assert lines[0] == (
        "warning: the baseline could not be made (After pruning, no terms remain.); the release is complete without it"
    )
    assert (
        "baseline_accuracy" not in release.manifest.metrics
        and release.page is None
        and release.plots.keys() == set(PICTURES) - {"slices"}
    )
    assert not {"baseline_accuracy", "baseline_f1"} & release.manifest.metrics.keys()
    card = release.card.read_text()
    assert "- the baseline: After pruning, no terms remain." in card and "*The picture slices is missing.*" in card
    files = {entry.path for entry in release.manifest.files}
    assert {"MODEL_CARD.md", "serving/golden.json", REFERENCE, SEEN} <= files and "plots/slices.png" not in files
    store = ReleaseStore(str(tmp_path / "store"))
    assert store.publish(release.folder, release.manifest) in store.list_releases("sentiment")

    monkeypatch.setattr(package, "render_card", failing(KeyError("training")))
    monkeypatch.setattr(package.findings, "find", failing(ZeroDivisionError("division by zero")))
    bare = build_release(release_inputs(tmp_path / "two", rows=6, curves={}, facts={}, say=lines.append))
    assert {"the pictures' titles", "the model card"} <= bare.missing.keys() and bare.plots == {}
    assert "- the pictures' titles: division by zero" in bare.card.read_text()


def test_a_release_that_int8_fails_for_serves_bf16(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Path, quantised: Path, __: object) -> None:
        quantised.mkdir()
        (quantised / "model.bin").write_bytes(b"a part")
        raise RuntimeError("Unsupported operation type: Ellipsis")

    monkeypatch.setattr(package, "quantise", fail)
    lines: list[str] = []
    release = build_release(release_inputs(tmp_path / "work", rows=6, curves={}, facts={}, say=lines.append))
    assert dict(release.missing) == {"int8": "Unsupported operation type: Ellipsis"}
    assert lines == [
        "warning: int8 could not be made (Unsupported operation type: Ellipsis); the release is complete without it"
    ]
    manifest = release.manifest
    assert manifest.default_variant == "openvino-bf16" and set(manifest.variants) == {"openvino-bf16", "torch"}
    assert not [entry.path for entry in manifest.files if "int8" in entry.path]
    assert manifest.facts["default_variant_reason"] == "int8 could not be made: bf16 is served"
    assert "Int8 could not be made: bf16 is served." in release.card.read_text()
    store = ReleaseStore(str(tmp_path / "store"))
    folder = store.fetch("sentiment", store.publish(release.folder, manifest), tmp_path / "fetched")
    scorer = Scorer.load(folder)
    assert replay(scorer, read_golden(folder / "serving/golden.json")) <= 0.03
    scorer.engine.close()


@pytest.mark.parametrize(
    ("precision", "left"), [("bf16", {"openvino-int8", "torch"}), ("fp32", {"openvino-int8", "openvino-bf16"})]
)
def test_a_variant_that_is_not_served_cannot_fail_a_release(
    precision: str, left: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replay_or_fail(scorer: Scorer, golden: GoldenSet, tolerance: float) -> float:
        engine: Any = scorer.engine
        if engine.precision == precision:
            raise RuntimeError("the CPU plugin crashed")
        return replay(scorer, golden, tolerance)

    class Engine(OpenVINOEngine):
        def __init__(self, folder: Path, precision: Precision, threads: int) -> None:
            super().__init__(folder, precision, threads)
            self.precision = precision

    monkeypatch.setattr(package, "OpenVINOEngine", Engine)
    monkeypatch.setattr(package, "replay", replay_or_fail)
    release = build_release(release_inputs(tmp_path / "work", rows=6, curves={}, facts={}, say=lambda _: None))
    assert release.manifest.default_variant == "openvino-int8" and set(release.manifest.variants) == left
    (missing,) = release.missing.items()
    assert missing[0] not in left and missing[1] == "the CPU plugin crashed"
    assert not [entry.path for entry in release.manifest.files if entry.path.startswith(f"{missing[0]}/")]
    assert f"- {missing[0]}: the CPU plugin crashed" in release.card.read_text()


def test_a_picture_that_is_cut_off_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Drawn:
        def savefig(self, path: Path, **_: object) -> None:
            path.write_bytes(b"half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        package.plots._save(Drawn(), tmp_path / "plots/a.png")
    assert list((tmp_path / "plots").iterdir()) == []


def test_a_bad_name_is_refused_before_any_work(tmp_path: Path) -> None:
    stages: list[str] = []
    inputs = release_inputs(tmp_path, rows=6, name="No Good", on_stage=lambda name, _: stages.append(name))
    with pytest.raises(ValidationError, match="name"):
        build_release(inputs)
    assert stages == []


@given(st.lists(st.integers(0, 1), max_size=120), st.integers(0, 150), st.integers(0, 9))
def test_a_stratified_sample_keeps_the_proportion(labels: list[int], count: int, seed: int) -> None:
    truth = np.array(labels, dtype=np.int64)
    chosen = stratified(truth, count, seed)
    assert len(set(chosen.tolist())) == len(chosen) == min(count, len(labels))
    if len(chosen):
        assert abs(truth[chosen].sum() - len(chosen) * truth.mean()) <= 0.5
