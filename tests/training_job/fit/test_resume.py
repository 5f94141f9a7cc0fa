"""A resumed training gives the weights of an uninterrupted one."""

from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from kit.factories import make_texts

from training_job.data.rows import Rows
from training_job.fit.bases import load_base
from training_job.fit.checkpoint import Checkpoints
from training_job.fit.course import Fitted, Validation
from training_job.fit.loop import Recipe, StepReport, fine_tune, step_count
from training_job.fit.tokenised import TokenisedRows, tokenise

RECIPE = Recipe(
    epochs=3,
    batch_size=8,
    learning_rate=4e-3,
    weight_decay=0.01,
    warmup_share=0.1,
    clip_norm=1.0,
    seed=0,
    bf16=False,
)
ROWS = 100
STEPS = step_count(RECIPE, ROWS)


class Killed(Exception):
    """Ends a training without a chance to save, as SIGKILL does."""


class Ending:
    """An observer that ends the training by `error` at a step, or in the evaluation after it."""

    def __init__(self, at: int = 0, error: type[BaseException] = Killed, evaluating: bool = False) -> None:
        self._at, self._error, self._evaluating = at, error, evaluating
        self._step = 0
        self.losses: dict[int, float] = {}
        self.saved = 0

    def stepped(self, report: StepReport) -> None:
        self._step = report.step
        self.losses[report.step] = report.loss
        if report.step == self._at and not self._evaluating:
            raise self._error

    def evaluating(self, rows: int) -> None:
        if self._step >= self._at and self._evaluating:
            raise self._error

    def evaluated(self, validation: Validation) -> None:
        pass

    def saving(self) -> None:
        self.saved += 1


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def rows() -> tuple[TokenisedRows, TokenisedRows]:
    tokenizer = load_base("scratch-tiny", texts=make_texts(ROWS)[0], max_tokens=32, seed=0).tokenizer
    return tokenise(tokenizer, Rows(*make_texts(ROWS)), 32), tokenise(tokenizer, Rows(*make_texts(60, 9)), 32)


def _train(rows: Any, observer: Ending, recipe: Recipe = RECIPE, folder: Path | None = None, every: int = 5) -> Any:
    """The weights and what was found; with a folder from the checkpoint there."""
    model = load_base("scratch-tiny", texts=make_texts(ROWS)[0], max_tokens=32, seed=0).model
    checkpoints = Checkpoints(folder, asdict(recipe), every, say=lambda _: None) if folder else None
    fitted = fine_tune(model, *rows, recipe, observer, checkpoints)
    return model.state_dict(), fitted


@pytest.fixture(scope="module")
def undisturbed(rows: Any) -> tuple[dict[str, torch.Tensor], Fitted, dict[int, float]]:
    observer = Ending()
    return *_train(rows, observer), observer.losses


def _assert_same(found: tuple[dict[str, torch.Tensor], Fitted], expected: Any) -> None:
    weights, fitted = found
    assert all(torch.equal(weights[name], value) for name, value in expected[0].items())
    clocks = ("train_seconds", "evaluation_seconds", "ended", "peak_memory_mib")
    mine, theirs = asdict(fitted), asdict(expected[1])
    assert {name: mine[name] for name in mine if name not in clocks} == {
        name: theirs[name] for name in theirs if name not in clocks
    }


@pytest.mark.parametrize("error", [Killed, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("step", [1, 4, 5, 13, 17, STEPS - 1, STEPS])
def test_it_ends_with_the_same_weights_wherever_it_was_ended(
    step: int, error: type[BaseException], rows: Any, undisturbed: Any, tmp_path: Path
) -> None:
    with pytest.raises(error):
        _train(rows, Ending(step, error), folder=tmp_path)
    observer = Ending()
    _assert_same(_train(rows, observer, folder=tmp_path), undisturbed)
    first = (step - 1) // 5 * 5 if error is Killed else step  # a signal leaves a checkpoint, a kill does not
    assert sorted(observer.losses) == list(range(first + 1, STEPS + 1))
    assert all(undisturbed[2][at] == loss for at, loss in observer.losses.items())


@pytest.mark.parametrize("error", [Killed, SystemExit])
def test_an_evaluation_that_was_cut_short_is_made_again(
    error: type[BaseException], rows: Any, undisturbed: Any, tmp_path: Path
) -> None:
    with pytest.raises(error):
        _train(rows, Ending(20, error, evaluating=True), folder=tmp_path)
    _assert_same(_train(rows, Ending(), folder=tmp_path), undisturbed)


@pytest.mark.parametrize("bf16", [False, True])
def test_many_ends_in_one_training(bf16: bool, rows: Any, tmp_path: Path) -> None:
    recipe = replace(RECIPE, bf16=bf16)
    expected = _train(rows, Ending(), recipe)
    for step in range(3, STEPS, 4):
        with pytest.raises((Killed, SystemExit)):
            _train(rows, Ending(step, (Killed, SystemExit)[step % 8 == 3]), recipe, tmp_path, every=2)
    _assert_same(_train(rows, Ending(), recipe, tmp_path), expected)


def test_a_training_that_had_ended_is_not_made_again(rows: Any, undisturbed: Any, tmp_path: Path) -> None:
    first = _train(rows, Ending(), folder=tmp_path)
    observer = Ending()
    again = _train(rows, observer, folder=tmp_path)
    _assert_same(again, undisturbed)
    assert observer.losses == {} and observer.saved == 0
    assert again[1] == first[1]  # to the time at which it ended


def test_a_step_is_whole_or_not_made_when_a_signal_comes(rows: Any, undisturbed: Any, tmp_path: Path) -> None:
    """The signal comes within a step, when some weights have moved and others have not."""
    inside: list[bool] = []

    @contextmanager
    def held() -> Any:
        yield
        inside.append(True)
        if len(inside) == 30:
            raise SystemExit(143)

    model = load_base("scratch-tiny", texts=make_texts(ROWS)[0], max_tokens=32, seed=0).model
    lines: list[str] = []
    checkpoints = Checkpoints(tmp_path, asdict(RECIPE), 1000, held=held, say=lines.append)
    with pytest.raises(SystemExit):
        fine_tune(model, *rows, RECIPE, Ending(), checkpoints)
    assert "the same command resumes" in lines[-1]
    _assert_same(_train(rows, Ending(), folder=tmp_path), undisturbed)


def test_a_disk_that_cannot_be_written_costs_the_checkpoints_alone(rows: Any, undisturbed: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    lines: list[str] = []
    model = load_base("scratch-tiny", texts=make_texts(ROWS)[0], max_tokens=32, seed=0).model
    checkpoints = Checkpoints(tmp_path / "file/checkpoints", asdict(RECIPE), 5, say=lines.append)
    fitted = fine_tune(model, *rows, RECIPE, Ending(), checkpoints)
    _assert_same((model.state_dict(), fitted), undisturbed)
    assert (
        len(lines) == 1
        and "Not a directory); the training continues without them" in lines[0]
        and "CHECKPOINT_DIR" in lines[0]
    )
