"""The fine-tuning loop: AdamW on length-grouped batches, and the weights that did best on the validation rows."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch.nn import functional

from model_release.scorer import length_batches
from training_job.batching import TokenisedRows, batches_per_epoch, epoch_batches
from training_job.calibrate import fit_temperature, negative_log_likelihood
from training_job.dropout import byte_dropout
from training_job.errors import Diverged

EVALUATIONS = 10
EVALUATION_STEPS = 500
EVALUATION_TOKENS = 8192
CURVE_POINTS = 100


@dataclass(frozen=True)
class Recipe:
    """How to train. `learning_rate` is the peak; it rises over `warmup_share` of the steps and falls to 0 in the rest,
    both linearly. Gradients longer than `clip_norm` are scaled down to it."""

    epochs: float
    batch_size: int
    learning_rate: float
    weight_decay: float
    warmup_share: float
    clip_norm: float
    seed: int
    bf16: bool


@dataclass(frozen=True)
class StepReport:
    """After an optimiser step: its number (from 1), how many there will be, the rows and tokens in its batch (tokens
    with padding), the batch's mean loss, the learning rate used."""

    step: int
    steps: int
    rows: int
    tokens: int
    loss: float
    learning_rate: float


@dataclass(frozen=True)
class Validation:
    """After an evaluation at `step`: share of right answers, mean negative log likelihood as it is, and the same at the
    temperature that suits these rows best. The last judges what a release will answer, since releases are calibrated:
    unlike the plain loss it does not punish a network for growing too sure, and it is less noisy than accuracy."""

    step: int
    steps: int
    accuracy: float
    loss: float
    calibrated_loss: float


class Observer(Protocol):
    """Who follows a training. What `evaluated` raises ends it."""

    def stepped(self, report: StepReport) -> None: ...
    def evaluating(self, rows: int) -> None: ...
    def evaluated(self, validation: Validation) -> None: ...


@dataclass(frozen=True)
class Fitted:
    """What a training found; the network holds the weights of `best`.

    Attributes:
        train_seconds: of the optimiser steps, evaluation apart.
        rows, tokens: seen in training, tokens with padding.
        curves: name → (step, value) points, each at most about 100.
    """

    best: Validation
    last: Validation
    steps: int
    rows: int
    tokens: int
    train_seconds: float
    evaluation_seconds: float
    curves: dict[str, list[tuple[float, float]]]


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 matrices in hardware; without that, bf16 is slower than fp32."""
    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))


def evaluation_steps(steps: int) -> frozenset[int]:
    """The steps after which to evaluate: ten times, evenly, or every 500 steps if that is more; always the last."""
    count = min(steps, max(EVALUATIONS, math.ceil(steps / EVALUATION_STEPS)))
    return frozenset(math.ceil(steps * place / count) for place in range(1, count + 1))


def learning_rate_share(step: int, steps: int, warmup_share: float) -> float:
    """The share of the peak learning rate that step 1, 2, … of `steps` uses."""
    warmup = math.ceil(steps * warmup_share)
    if step <= warmup:
        return step / warmup
    return (steps - step + 1) / (steps - warmup)


class Learner:
    """A network with its optimiser."""

    def __init__(self, model: Any, recipe: Recipe) -> None:
        self.model, self.recipe = model, recipe
        matrices = [weight for weight in model.parameters() if weight.ndim > 1]
        others = [weight for weight in model.parameters() if weight.ndim <= 1]  # biases and norms do not decay
        self._optimiser = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=recipe.learning_rate,
            fused=True,
        )

    def step(self, ids: Any, mask: Any, labels: Any, learning_rate: float) -> float:
        """One optimiser step on a batch (i64[b, s], i64[b, s], i64[b]); its mean loss before the step.

        Raises:
            Diverged: the loss is no number.
        """
        self.model.train()
        logits = forward(self.model, ids, mask, self.recipe.bf16)
        loss = functional.cross_entropy(logits, torch.from_numpy(labels))
        value = float(loss.detach())
        if not math.isfinite(value):
            raise Diverged("the training loss is no number any more; lower LEARNING_RATE or CLIP_NORM")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        return value


def forward(model: Any, ids: Any, mask: Any, bf16: bool) -> Any:
    """Logits f32[b, 2] as a tensor. A batch without padding goes without a mask, which is faster."""
    padded = not mask.all()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        answer = model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask) if padded else None)
    return answer.logits.float()


def margins(model: Any, rows: TokenisedRows, bf16: bool) -> np.ndarray:
    """Positive minus negative logit f32[n], without dropout."""
    model.eval()
    found = np.empty(len(rows), dtype=np.float32)
    with torch.inference_mode():
        for batch in length_batches([len(row) for row in rows.ids], EVALUATION_TOKENS):
            ids, mask, _ = rows.batch(batch)
            logits = forward(model, ids, mask, bf16)
            found[batch] = (logits[:, 1] - logits[:, 0]).numpy()
    return found


def validate(model: Any, rows: TokenisedRows, bf16: bool, step: int = 0, steps: int = 0) -> Validation:
    """How well the network answers labelled rows.

    Raises:
        Diverged: an answer is no number.
    """
    found = margins(model, rows, bf16)
    if not np.isfinite(found).all():
        raise Diverged("the network's answers are no numbers any more; lower LEARNING_RATE or CLIP_NORM")
    accuracy = float(((found > 0) == (rows.labels == 1)).mean())
    plain = negative_log_likelihood(found, rows.labels, 1.0)
    calibrated = negative_log_likelihood(found, rows.labels, fit_temperature(found, rows.labels))
    return Validation(step, steps, accuracy, plain, calibrated)


def _batches(rows: TokenisedRows, recipe: Recipe, steps: int) -> Iterator[tuple[int, np.ndarray]]:
    lengths, step, epoch = rows.lengths, 0, 0
    while True:
        for batch in epoch_batches(lengths, recipe.batch_size, recipe.seed, epoch):
            step += 1
            yield step, batch
            if step == steps:
                return
        epoch += 1


class _Curves:
    """Points of the losses and the accuracy; the training loss is the mean since its last point."""

    def __init__(self) -> None:
        self.points: dict[str, list[tuple[float, float]]] = {}
        self._recent: list[float] = []

    def _add(self, name: str, step: int, value: float) -> None:
        self.points.setdefault(name, []).append((step, value))

    def stepped(self, step: int, steps: int, loss: float) -> None:
        self._recent.append(loss)
        if step % max(1, steps // CURVE_POINTS) == 0 or step == steps:
            self._add("train_loss", step, float(np.mean(self._recent)))
            self._recent.clear()

    def evaluated(self, validation: Validation) -> None:
        for name in ("loss", "calibrated_loss", "accuracy"):
            self._add(f"validation_{name}", validation.step, getattr(validation, name))


def fine_tune(
    model: Any, train: TokenisedRows, validation: TokenisedRows, recipe: Recipe, observer: Observer
) -> Fitted:
    """Train the network in place; it ends with the weights whose calibrated validation loss was the lowest.

    Raises:
        Diverged: the loss is no number.
        Whatever the observer raises; the network's weights are then those of that moment.
    """
    steps = max(1, math.ceil(recipe.epochs * batches_per_epoch(len(train), recipe.batch_size)))
    with byte_dropout(model, recipe.seed):
        fitted, weights = _run(Learner(model, recipe), train, validation, steps, observer)
    model.load_state_dict(weights)
    model.eval()
    return fitted


def _run(
    learner: Learner, train: TokenisedRows, validation: TokenisedRows, steps: int, observer: Observer
) -> tuple[Fitted, dict[str, Any]]:
    """All steps; what was found, and the weights of the best evaluation."""
    recipe, evaluate_at = learner.recipe, evaluation_steps(steps)
    curves = _Curves()
    best: tuple[Validation, dict[str, Any]] | None = None
    rows = tokens = 0
    train_seconds = evaluation_seconds = 0.0
    for step, batch in _batches(train, recipe, steps):
        start = time.perf_counter()
        ids, mask, labels = train.batch(batch)
        rate = recipe.learning_rate * learning_rate_share(step, steps, recipe.warmup_share)
        loss = learner.step(ids, mask, labels, rate)
        rows, tokens = rows + len(labels), tokens + ids.size
        train_seconds += time.perf_counter() - start
        observer.stepped(StepReport(step, steps, len(labels), ids.size, loss, rate))
        curves.stepped(step, steps, loss)
        if step in evaluate_at:
            start = time.perf_counter()
            observer.evaluating(len(validation))
            now = validate(learner.model, validation, recipe.bf16, step, steps)
            if best is None or now.calibrated_loss <= best[0].calibrated_loss:
                best = now, {name: value.detach().clone() for name, value in learner.model.state_dict().items()}
            evaluation_seconds += time.perf_counter() - start
            curves.evaluated(now)
            observer.evaluated(now)
    assert best is not None  # the last step is evaluated
    return Fitted(best[0], now, steps, rows, tokens, train_seconds, evaluation_seconds, curves.points), best[1]
