"""The loop learns, keeps the best weights, is the same twice, and says when it diverged."""

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from kit.factories import make_model, make_texts

from training_job.data.rows import Rows
from training_job.errors import Diverged
from training_job.fit.bases import Base, load_base
from training_job.fit.course import Validation
from training_job.fit.dropout import Masks, byte_dropout
from training_job.fit.loop import (
    Learner,
    Recipe,
    StepReport,
    cpu_has_bf16,
    evaluation_steps,
    fine_tune,
    learning_rate_share,
    margins,
    validate,
)
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


class Recorder:
    """An observer that keeps all reports."""

    def __init__(self) -> None:
        self.steps: list[StepReport] = []
        self.evaluations: list[Validation] = []
        self.evaluated_rows: list[int] = []

    def stepped(self, report: StepReport) -> None:
        self.steps.append(report)

    def evaluating(self, rows: int) -> None:
        self.evaluated_rows.append(rows)

    def evaluated(self, validation: Validation) -> None:
        self.evaluations.append(validation)

    def saving(self) -> None:
        pass


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _base() -> Base:
    return load_base("scratch-tiny", texts=make_texts(100)[0], max_tokens=32, seed=0)


@pytest.fixture(scope="module")
def rows() -> tuple[TokenisedRows, TokenisedRows]:
    tokenizer = _base().tokenizer
    return tokenise(tokenizer, Rows(*make_texts(100)), 32), tokenise(tokenizer, Rows(*make_texts(60, 9)), 32)


@pytest.mark.parametrize("bf16", [False, True])
def test_a_training_learns_and_ends_with_its_best_weights(
    bf16: bool, rows: tuple[TokenisedRows, TokenisedRows]
) -> None:
    model, seen = _base().model, Recorder()
    before = validate(model, rows[1], bf16)
    fitted = fine_tune(model, *rows, replace(RECIPE, bf16=bf16), seen)
    assert fitted.best.accuracy > 0.8 and fitted.best.loss < before.loss
    assert fitted.best.calibrated_loss == min(item.calibrated_loss for item in seen.evaluations)
    after = validate(model, rows[1], bf16)
    assert after.calibrated_loss == pytest.approx(fitted.best.calibrated_loss, abs=1e-6)
    assert fitted.last == seen.evaluations[-1] and fitted.last.step == fitted.steps == 39
    assert not model.training
    assert fitted.rows == 300 == sum(report.rows for report in seen.steps)
    assert fitted.tokens == sum(report.tokens for report in seen.steps)
    assert len(seen.evaluations) == 10 and seen.evaluated_rows == [60] * 10
    assert [step for step, _ in fitted.curves["validation_accuracy"]] == sorted(evaluation_steps(39))
    assert np.mean([value for _, value in fitted.curves["train_loss"]][-5:]) < 0.5


def test_the_same_seed_gives_the_same_weights_and_another_gives_others(
    rows: tuple[TokenisedRows, TokenisedRows],
) -> None:
    found = []
    for seed in (0, 0, 1):
        model = _base().model
        fine_tune(model, *rows, replace(RECIPE, epochs=0.5, seed=seed), Recorder())
        found.append(margins(model, rows[1], False))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 1e-4


def test_earlier_weights_are_kept_when_later_ones_are_worse(rows: tuple[TokenisedRows, TokenisedRows]) -> None:
    """Labels of the validation rows are turned, so that each step of learning makes the answers worse."""
    turned = replace(rows[1], labels=1 - rows[1].labels)
    model, seen = _base().model, Recorder()
    fitted = fine_tune(model, rows[0], turned, replace(RECIPE, learning_rate=1e-2), seen)
    assert fitted.best.step < fitted.last.step
    assert fitted.best.calibrated_loss < fitted.last.calibrated_loss
    assert validate(model, turned, False).loss == pytest.approx(fitted.best.loss, abs=1e-6)


def test_a_loss_of_nan_is_reported(rows: tuple[TokenisedRows, TokenisedRows]) -> None:
    model = _base().model
    with torch.no_grad():
        model.classifier.bias.fill_(math.nan)
    with pytest.raises(Diverged, match="lower LEARNING_RATE"):
        fine_tune(model, *rows, RECIPE, Recorder())
    with pytest.raises(Diverged, match="answers became NaN or infinite"):
        validate(model, rows[1], False)


def test_an_observer_can_end_a_training(rows: tuple[TokenisedRows, TokenisedRows]) -> None:
    class Enough(Exception):
        pass

    class Impatient(Recorder):
        def evaluated(self, validation: Validation) -> None:
            raise Enough

    model = _base().model
    with pytest.raises(Enough):
        fine_tune(model, *rows, RECIPE, Impatient())
    assert model.config._attn_implementation == "sdpa"
    assert isinstance(model.dropout, torch.nn.Dropout)


@given(st.integers(1, 20_000))
def test_evaluations_come_ten_times_or_every_500_steps(steps: int) -> None:
    at = sorted(evaluation_steps(steps))
    assert at[-1] == steps and at[0] >= 1
    assert len(at) == min(steps, max(10, math.ceil(steps / 500)))
    gaps = np.diff([0, *at])
    assert gaps.max() <= 500 and gaps.max() - gaps.min() <= 1


@given(steps=st.integers(1, 500), share=st.floats(0, 0.99))
def test_the_learning_rate_rises_and_falls(steps: int, share: float) -> None:
    course = [learning_rate_share(step, steps, share) for step in range(1, steps + 1)]
    top = int(np.argmax(course))
    assert max(course) == pytest.approx(1.0) and min(course) > 0
    assert all(left < right for left, right in itertools.pairwise(course[: top + 1]))
    assert all(left >= right for left, right in itertools.pairwise(course[top:]))


def test_biases_and_norms_do_not_decay(rows: tuple[TokenisedRows, TokenisedRows]) -> None:
    model = _base().model
    learner = Learner(model, replace(RECIPE, weight_decay=0.5))
    decays = {
        id(weight): group["weight_decay"] for group in learner._optimiser.param_groups for weight in group["params"]
    }
    for name, weight in model.named_parameters():
        assert decays[id(weight)] == (0.0 if name.endswith("bias") or "norm" in name.lower() else 0.5), name


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_byte_masks_drop_the_asked_share_and_keep_the_mean(probability: float) -> None:
    values = torch.ones(400_003)
    dropped = Masks(1).drop(values, probability)
    share = float((dropped == 0).float().mean())
    assert share == pytest.approx(round(probability * 256) / 256, abs=4 * math.sqrt(0.25 / len(values)))
    assert float(dropped.mean()) == pytest.approx(1.0, abs=0.01)
    assert torch.equal(dropped, Masks(1).drop(values, probability))
    assert not torch.equal(dropped, Masks(2).drop(values, probability))
    assert Masks(1).drop(values, 0.0) is values


def test_gradients_flow_where_nothing_was_dropped() -> None:
    values = torch.ones(1000, requires_grad=True)
    dropped = Masks(0).drop(values, 0.25)
    dropped.sum().backward()
    assert values.grad is not None
    torch.testing.assert_close(values.grad, dropped.detach())


def test_attention_with_byte_dropout_is_attention_when_nothing_is_dropped() -> None:
    model = make_model(50, 1)
    for layer in model.distilbert.transformer.layer:
        layer.attention.dropout.p = 1e-9  # rounds to nothing dropped, yet takes the path of training
    ids = torch.randint(5, 50, (3, 16))
    mask = torch.ones_like(ids)
    mask[1, 9:] = 0
    with torch.no_grad():
        expected = model.eval()(input_ids=ids, attention_mask=mask).logits
        with byte_dropout(model, 0):
            torch.testing.assert_close(model(input_ids=ids, attention_mask=mask).logits, expected)
            model.train()
            for module in model.modules():
                if hasattr(module, "p"):
                    module.p = 1e-9
            torch.testing.assert_close(model(input_ids=ids, attention_mask=mask).logits, expected, atol=1e-5, rtol=1e-5)


def test_training_drops_and_answers_do_not() -> None:
    model = make_model(50, 1)
    ids = torch.randint(5, 50, (2, 16))
    with torch.no_grad(), byte_dropout(model, 0):
        model.train()
        one, two = model(input_ids=ids).logits, model(input_ids=ids).logits
        assert not torch.equal(one, two)
        model.eval()
        assert torch.equal(model(input_ids=ids).logits, model(input_ids=ids).logits)


def test_bf16_is_a_question_of_the_processor() -> None:
    assert cpu_has_bf16() == any(
        torch.cpu.get_capabilities().get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16")
    )
