"""One training from files to a registered release, and the ways in which it is stopped."""

import errno
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kit.chinese_reviews import make_chinese
from kit.factories import make_texts
from kit.training_runs import (
    files,
    make_progress,
    make_settings,
    no_settings_from_outside,
    statuses,
    threads_kept,
    write_rows,
)
from mlflow import MlflowClient

from model_release import ReleaseStore, Scorer, StoreUnreachable
from model_release.golden import read_golden, replay
from model_release.seen import is_new_to
from sentiment_common.errors import UserError
from training_job import pipeline
from training_job.build import release as package
from training_job.errors import DataError, TrainingError
from training_job.measure.baseline import CHARACTERS
from training_job.measure.gate import Gate
from training_job.outcomes import TrainOutcome
from training_job.pipeline import search, train
from training_job.promotion.promote import Promoter
from training_job.promotion.setup import promoter_after
from training_job.show import show_outcome
from training_job.tracking import registry
from training_job.tracking.registry import RegistryError

ROOT = Path(__file__).resolve().parents[2]

__all__ = ["files", "no_settings_from_outside", "threads_kept"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, files: tuple[str, str]) -> tuple[TrainOutcome, Path]:
    folder = tmp_path_factory.mktemp("trained")
    progress = make_progress(folder)
    outcome = train(make_settings(folder, files), progress)
    progress.console.file.close()
    return outcome, folder


def test_a_training_publishes_a_release_that_serves(trained: tuple[TrainOutcome, Path], tmp_path: Path) -> None:
    outcome, folder = trained
    store = ReleaseStore(str(folder / "releases"))
    assert store.list_releases("sentiment") == [outcome.release_id]
    assert outcome.release_uri == store.uri("sentiment", outcome.release_id)
    scorer = Scorer.load(store.fetch("sentiment", outcome.release_id, tmp_path), threads=1)
    assert replay(scorer, read_golden(tmp_path / outcome.release_id / "serving/golden.json")) <= 0.03
    assert scorer.score(["wonderful warm moving superb", "dull awful tedious"]).label.tolist() == [1, 0]
    assert store.champion("sentiment") is None  # only a promotion makes one


def test_the_manifest_records_how_it_was_made(trained: tuple[TrainOutcome, Path]) -> None:
    outcome, folder = trained
    manifest = ReleaseStore(str(folder / "releases")).manifest("sentiment", outcome.release_id)
    facts = manifest.facts
    assert manifest.mlflow_run_id == outcome.run_id and manifest.git_commit == "c0ffee"
    assert manifest.metrics == outcome.metrics and manifest.metrics["accuracy"].value > 0.7
    assert (facts["train_rows"], facts["validation_rows"], facts["test_rows"]) == (128, 12, 60)
    assert (facts["test_copies_dropped"], facts["repeats_dropped"], facts["contradicting_texts"]) == (5, 0, 0)
    assert (facts["split_scheme"], facts["test_held_out"], facts["validation_kept_back"]) == (1, False, 0)
    assert facts["steps"] == 48 and 1 <= int(facts["best_step"] or 0) <= 48
    assert facts["learning_rate"] == 2e-3 and facts["epochs"] == 6.0 and facts["mode"] == "quick"
    assert manifest.base_model == "scratch-tiny" and manifest.max_tokens == 32


def test_the_run_holds_curves_figures_and_pictures(trained: tuple[TrainOutcome, Path]) -> None:
    outcome, folder = trained
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    run = client.get_run(outcome.run_id)
    assert run.info.status == "FINISHED" and run.data.tags["release_id"] == outcome.release_id
    assert len(client.get_metric_history(outcome.run_id, "train_loss")) == 48
    assert len(client.get_metric_history(outcome.run_id, "validation_accuracy")) == 10
    assert run.data.metrics["accuracy"] == pytest.approx(outcome.metrics["accuracy"].value)
    assert run.data.metrics["system/rss_mib"] > 0 and run.data.metrics["seconds/train"] > 0
    assert run.data.params["base_model"] == "scratch-tiny" and run.data.params["learning_rate"] == "0.002"
    pictures = {item.path for item in client.list_artifacts(outcome.run_id, "plots")}
    assert {"plots/reliability.png", "plots/training.png", "plots/confusion.png"} & pictures
    assert {"MODEL_CARD.md", "MODEL_CARD.html"} <= {item.path for item in client.list_artifacts(outcome.run_id)}
    version = client.get_model_version_by_alias("sentiment", "challenger")
    assert str(version.version) == outcome.registry_version
    assert version.tags["release_id"] == outcome.release_id and version.run_id == outcome.run_id


def test_the_log_shows_each_stage_and_nothing_is_left_behind(trained: tuple[TrainOutcome, Path]) -> None:
    outcome, folder = trained
    output = (folder / "progress.txt").read_text()
    assert "rows: 128 to train, 12 to validate, 60 to test; dropped from training: 5 that are also" in output
    assert "load: " in output and "train: " in output and "publish: " in output
    assert set(outcome.seconds) == {"load", "train", "evaluation", "release"}
    assert all(seconds > 0 for seconds in outcome.seconds.values())
    assert list((folder / "work").iterdir()) == []


def test_a_base_that_does_not_record_its_rows_makes_the_seen_test_rows_unknown(
    trained: tuple[TrainOutcome, Path], files: tuple[str, str], tmp_path: Path
) -> None:
    store = ReleaseStore(str(trained[1] / "releases"))
    older = store.fetch("sentiment", trained[0].release_id, tmp_path, ("torch/", "serving/tokenizer.json"))
    (older / "serving/tokenizer.json").rename(older / "torch/tokenizer.json")
    settings = make_settings(tmp_path, files, base_model=str(older / "torch"), epochs=0.2, mlflow_tracking_uri="none")
    outcome = train(settings, make_progress(tmp_path))
    store = ReleaseStore(settings.releases_uri)
    assert store.manifest("sentiment", outcome.release_id).facts["test_rows_seen_by_base"] is None
    assert "warning: the base is a release of an earlier version" in (tmp_path / "progress.txt").read_text()
    heir = store.fetch("sentiment", outcome.release_id, tmp_path / "heir", ("training/", "reference/"))
    assert not is_new_to(heir, make_texts(60, 2)[0]).any()
    card = store.fetch("sentiment", outcome.release_id, tmp_path / "card", ("MODEL_CARD",)) / "MODEL_CARD.md"
    assert "| `test_rows_seen_by_base` | null |" in card.read_text()


def test_a_search_comes_first_when_asked(tmp_path: Path, files: tuple[str, str]) -> None:
    settings = make_settings(tmp_path, files, optimize=True, n_trials=2, warmup_share=0.1, weight_decay=0.01)
    found = search(settings, make_progress(tmp_path))
    assert found.done + found.pruned == 2
    outcome = train(settings, make_progress(tmp_path))
    assert outcome.search == found  # its trials were done already
    facts = ReleaseStore(settings.releases_uri).manifest("sentiment", outcome.release_id).facts
    assert {name: facts[name] for name in found.best} == found.best
    assert set(found.best) == {"learning_rate", "batch_size"}


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/work/x"), "WORK_DIR .*work is full: .* free some space"),
        (MemoryError(), "lower BATCH_SIZE or MAX_TOKENS"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "lower BATCH_SIZE"),
    ],
)
def test_what_fails_late_leaves_no_release_and_a_failed_run(
    error: Exception, message: str, tmp_path: Path, files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    settings = make_settings(tmp_path, files, epochs=0.2)
    monkeypatch.setattr(pipeline, "build_release", fail)
    with pytest.raises(TrainingError, match=message):
        train(settings, make_progress(tmp_path))
    assert statuses(tmp_path) == ["FAILED"]
    assert ReleaseStore(settings.releases_uri).list_releases("sentiment") == []
    assert list((tmp_path / "work").iterdir()) == []


def test_a_file_that_grew_is_gated_on_rows_that_neither_release_has_seen(tmp_path: Path) -> None:
    texts, labels = make_texts(420, 5)

    def grown(rows: int) -> TrainOutcome:
        file = write_rows(tmp_path / "rows.csv", texts[:rows], labels[:rows]), None
        progress = make_progress(tmp_path)
        settings = make_settings(tmp_path, file, epochs=3, mlflow_tracking_uri="none")
        outcome = train(settings, progress, promoter_after(settings))
        progress.console.file.close()
        return outcome

    first = grown(360)
    assert first.gate is not None and first.promotion is not None, first.gate
    second = grown(420)
    store = ReleaseStore(str(tmp_path / "releases"))
    tested = store.manifest("sentiment", second.release_id).facts["test_rows"]
    assert second.gate is not None and second.gate.champion == first.release_id
    assert second.gate.rows == tested and second.gate.reason.endswith(f"all {tested} test rows are new to both")
    assert "(a fifth of the file, chosen by the hash of the text)" in (tmp_path / "progress.txt").read_text()


def test_reviews_in_chinese_are_released_and_a_side_figure_that_fails_costs_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("After pruning, no terms remain.")

    write_rows(tmp_path / "rows.csv", *make_chinese(320))
    rows = str(tmp_path / "rows.csv"), None
    outcome = train(make_settings(tmp_path, rows, epochs=0.2, mlflow_tracking_uri="none"), make_progress(tmp_path))
    assert outcome.missing == {} and "baseline_accuracy" in outcome.metrics
    manifest = ReleaseStore(str(tmp_path / "releases")).manifest("sentiment", outcome.release_id)
    assert manifest.facts["baseline_kind"] == CHARACTERS

    monkeypatch.setattr(package, "measure_baseline", fail)
    monkeypatch.setattr(pipeline, "_record", fail)
    progress = make_progress(tmp_path)
    without = train(make_settings(tmp_path, rows, epochs=0.2, seed=1), progress)
    progress.console.file.flush()
    assert list(without.missing) == ["the baseline", "the record in MLflow"]
    assert "warning: the baseline could not be made (After pruning" in (tmp_path / "progress.txt").read_text()
    assert without.release_id in ReleaseStore(str(tmp_path / "releases")).list_releases("sentiment")
    assert statuses(tmp_path) == ["FINISHED"]
    show_outcome(without)
    shown = " ".join(capsys.readouterr().out.split())
    assert "a constant answer's accuracy" in shown and "baseline's accuracy" not in shown
    assert "missing the baseline: After pruning, no terms remain." in shown


def test_places_that_cannot_be_reached_are_found_before_the_training(
    tmp_path: Path, files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "fit", lambda *_: pytest.fail("it trained"))
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnreachable, match="check RELEASES_URI"):
        train(make_settings(tmp_path, files, releases_uri=str(tmp_path / "file/releases")), make_progress(tmp_path))
    with pytest.raises(RegistryError, match="MLFLOW_TRACKING_URI"):
        train(make_settings(tmp_path, files, mlflow_tracking_uri="http://127.0.0.1:9"), make_progress(tmp_path))
    with pytest.raises(DataError, match=r"none\.csv does not exist"):
        train(make_settings(tmp_path, files, train_data=str(tmp_path / "none.csv")), make_progress(tmp_path))
    assert statuses(tmp_path) == []  # a run is for work, not for a mistyped name


def test_without_an_mlflow_nothing_is_tracked(
    tmp_path: Path, files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mlflow", "mlflow.entities", "mlflow.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)  # an import of it fails, as in an image without MLflow
    settings = make_settings(
        tmp_path, files, mlflow_tracking_uri="none", optimize=True, n_trials=1, epochs=0.2, warmup_share=0.1
    )
    outcome = train(settings, make_progress(tmp_path))
    assert (outcome.run_id, outcome.registry_version, outcome.registry_problem) == (None, None, None)
    assert outcome.search is not None and outcome.search.run_id is None
    assert ReleaseStore(settings.releases_uri).manifest("sentiment", outcome.release_id).mlflow_run_id is None
    assert not (tmp_path / "mlflow.db").exists() and not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            RuntimeError("the engine crashed"),
            r"could not be promoted \(RuntimeError: the engine crashed\); to try again:",
        ),
        (
            KeyError("spec"),
            r"could not be promoted \(KeyError: 'spec'\); to try again: sentiment promote [0-9a-f]{16}$",
        ),
        (OSError(28, "No space left"), "^No space left; free some space"),
        (UserError("the log does not answer"), "^the log does not answer$"),
    ],
)
def test_a_promotion_that_fails_leaves_the_published_release(
    error: Exception, message: str, tmp_path: Path, files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings(tmp_path, files, epochs=0.2, mlflow_tracking_uri="none")

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(pipeline, "compare_with_champion", lambda *_: Gate(True, "there is no champion"))
    promoter = Promoter(ReleaseStore(settings.releases_uri), "sentiment", "ada", roll_out=fail)
    outcome = train(settings, make_progress(tmp_path), promoter)
    assert outcome.gate is not None and outcome.gate.passed and outcome.promotion is None
    problem = outcome.promotion_problem
    assert problem is not None and problem.exit_code == 2 and re.search(message, str(problem))
    assert ReleaseStore(settings.releases_uri).list_releases("sentiment") == [outcome.release_id]


def test_mlflow_going_away_while_it_trains_does_not_cost_the_release(
    tmp_path: Path, files: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> str:
        raise RegistryError("registering with MLflow failed; check MLFLOW_TRACKING_URI")

    monkeypatch.setattr(registry, "register", away)
    settings = make_settings(tmp_path, files, epochs=0.2)
    outcome = train(settings, make_progress(tmp_path))
    assert outcome.registry_version is None and "check MLFLOW_TRACKING_URI" in str(outcome.registry_problem)
    assert ReleaseStore(settings.releases_uri).list_releases("sentiment") == [outcome.release_id]


def test_sigterm_kills_the_run_truly_and_leaves_nothing_half_done(tmp_path: Path, files: tuple[str, str]) -> None:
    variables = os.environ | {
        "PYTHONPATH": str(ROOT),
        "TRAIN_DATA": files[0],
        "TEST_DATA": files[1],
        "BASE_MODEL": "scratch-tiny",
        "MAX_TOKENS": "32",
        "EPOCHS": "1000",
        "TRAIN_THREADS": "1",
    }
    log = (tmp_path / "log.txt").open("w")
    process = subprocess.Popen([sys.executable, "-m", "training_job", "train"], cwd=tmp_path, env=variables, stderr=log)
    try:
        limit = time.monotonic() + 120
        while "load: " not in (tmp_path / "log.txt").read_text() and process.poll() is None:
            assert time.monotonic() < limit
            time.sleep(0.1)
        time.sleep(2)  # into the training
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
    finally:
        process.kill()
        log.close()
    assert "Traceback" not in (tmp_path / "log.txt").read_text()
    assert statuses(tmp_path / "var") == ["KILLED"]
    assert list((tmp_path / "var/train").iterdir()) == []
    assert ReleaseStore(str(tmp_path / "var/releases")).list_releases("sentiment") == []
