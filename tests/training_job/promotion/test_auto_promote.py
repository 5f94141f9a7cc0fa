"""The gate asks the champion the rows that are new to both releases, and says how many there are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kit.factories import make_release, make_texts
from kit.training_runs import make_progress, make_settings, no_settings_from_outside

from model_release import Manifest, ReleaseStore, Scorer
from model_release.seen import SEEN, write_seen
from training_job.data.rows import Rows
from training_job.measure.evaluate import evaluate
from training_job.measure.gate import Gate
from training_job.promotion.auto import compare_with_champion
from training_job.promotion.setup import promoter_after

__all__ = ["no_settings_from_outside"]

TEST = Rows(*make_texts(100, 9))


@pytest.fixture(scope="module")
def challenger(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    store = str(tmp_path_factory.mktemp("challenger"))
    return ReleaseStore(store).manifest("sentiment", make_release(store, seed=11))


def _champion(folder: Path, **options: Any) -> str:
    release_id = make_release(folder / "releases", **options)
    ReleaseStore(str(folder / "releases")).set_champion("sentiment", release_id, who="tests", action="promote")
    return release_id


def _gate(folder: Path, challenger: Manifest, test: Rows = TEST, right: float = 1.0, seen: Sequence[str] = ()) -> Gate:
    """The verdict on a challenger that answers this share of the rows rightly, and was trained on the texts `seen`."""
    settings = make_settings(folder, ("train.csv", "test.csv"), mlflow_tracking_uri="none", auto_promote=True)
    sure = np.where(np.arange(len(test)) < right * len(test), 3.0, -3.0)
    margin = np.where(test.labels == 1, sure, -sure)
    size = np.full(len(test), 9)
    answers = evaluate(test.texts, test.labels, margin, size, size < 0, temperature=1, threshold=0.5)
    built = folder / "built"
    write_seen(seen, built / SEEN)
    return compare_with_champion(promoter_after(settings), challenger, test, answers, make_progress(folder), built)


def test_rows_that_the_champion_was_trained_on_are_left_out(tmp_path: Path, challenger: Manifest) -> None:
    champion = _champion(tmp_path, seen=[f" {text}\n" for text in TEST.texts[:30]])
    gate = _gate(tmp_path, challenger)
    assert gate.passed and (gate.champion, gate.rows) == (champion, 70)
    assert "on the same 70 rows" in gate.reason
    assert gate.reason.endswith("30 of 100 test rows are left out because they are not known to be new to both")
    folder = ReleaseStore(str(tmp_path / "releases")).fetch("sentiment", champion, tmp_path)
    right = Scorer.load(folder, threads=1).score(TEST.texts[30:]).label == TEST.labels[30:]
    assert gate.champion_accuracy == pytest.approx(right.mean())
    fewer = _gate(tmp_path, challenger, seen=TEST.texts[20:40])  # as those of its base are
    assert fewer.rows == 60 and "40 of 100 test rows are left out" in fewer.reason
    worse = _gate(tmp_path, challenger, right=0.05)
    assert not worse.passed and "measurably worse in accuracy and balanced accuracy" in worse.reason


def test_an_older_champion_answers_its_own_test_rows(tmp_path: Path, challenger: Manifest) -> None:
    _champion(tmp_path, rows=60, seed=9)  # its reference sample holds the first of these texts
    other = Rows(*make_texts(100, 10))
    texts, labels = make_texts(60, 9)
    mixed = Rows([*texts, *other.texts], np.array([*labels, *other.labels]))
    gate = _gate(tmp_path, challenger, mixed)
    assert gate.rows == 60 and "100 of 160 test rows are left out" in gate.reason
    refused = _gate(tmp_path, challenger, other)
    assert not refused.passed and refused.rows is None
    assert refused.reason.startswith("0 of 100 test rows are known to be new to both it and the champion")
    assert "promote by hand" in refused.reason


def test_without_a_champion_all_but_a_constant_answer_passes(tmp_path: Path, challenger: Manifest) -> None:
    first = _gate(tmp_path, challenger)
    assert first.passed and first.reason == "there is no champion to compare with"
    rare = Rows(TEST.texts, (np.arange(100) == 99).astype(np.int64))
    constant = _gate(tmp_path, challenger, rare, right=0.99)
    assert not constant.passed and "answers each of 100 test rows with negative" in constant.reason


def test_a_champion_that_cannot_be_asked_lets_nothing_pass(
    tmp_path: Path, challenger: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    champion = _champion(tmp_path, seen=[])

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("Infer Request was cancelled")

    with monkeypatch.context() as patched:
        patched.setattr(Scorer, "score", fail)
        failed = _gate(tmp_path, challenger)
    assert not failed.passed and failed.champion == champion
    assert failed.reason == "the champion cannot answer (Infer Request was cancelled)"
    (tmp_path / "releases/sentiment/releases" / champion / SEEN).write_bytes(b"damaged")
    damaged = _gate(tmp_path, challenger)
    assert not damaged.passed and f"{SEEN} differs from the manifest's sha256" in damaged.reason
