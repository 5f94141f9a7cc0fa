"""The fine-tuning loop: AdamW on length-grouped batches, which keeps the best weights on the validation rows."""

import itertools
import math
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch.nn import functional

from model_release.scoring.scorer import length_batches
from training_job.errors import Diverged
from training_job.fit.checkpoint import Checkpoints, Tensors
from training_job.fit.course import Course, Fitted, Validation
from training_job.fit.dropout import Masks, byte_dropout
from training_job.fit.tokenised import IntArray, TokenisedRows, batches_per_epoch, epoch_batches
from training_job.measure.calibrate import fit_temperature, negative_log_likelihood

EVALUATIONS = 10
EVALUATION_STEPS = 500
EVALUATION_TOKENS = 8192
_NETWORK, _OPTIMISER, _BEST = "network.", "optimiser.", "best."  # prefixes of the tensors' names in a checkpoint


@dataclass(frozen=True)
class Recipe:
    """Parameters of a training.

    `learning_rate` is the peak: the rate rises linearly over `warmup_share` of the steps, and then falls linearly to 0.
    Gradients with a larger norm than `clip_norm` are scaled down to it.
    """

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
    """Figures of an optimiser step: its number (from 1) and the total, the batch's rows, tokens with padding and mean
    loss, and the learning rate."""

    step: int
    steps: int
    rows: int
    tokens: int
    loss: float
    learning_rate: float


class Observer(Protocol):
    """Receiver of a training's progress; an exception from it ends the training."""

    def stepped(self, report: StepReport) -> None: ...
    def evaluating(self, rows: int) -> None: ...
    def evaluated(self, validation: Validation) -> None: ...

    def saving(self) -> None:
        """Prepare for a checkpoint: a training that resumes from it does not report the earlier steps again."""
        ...


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies bf16 matrices in hardware; without it, bf16 is slower than fp32."""
    able = torch.cpu.get_capabilities()
    return any(able.get(name, False) for name in ("avx512_bf16", "amx_bf16", "bf16", "sve_bf16"))


def evaluation_steps(steps: int) -> frozenset[int]:
    """Return the steps after which to evaluate: ten, evenly spaced, or one in 500 if that is more; always the last."""
    count = min(steps, max(EVALUATIONS, math.ceil(steps / EVALUATION_STEPS)))
    return frozenset(math.ceil(steps * place / count) for place in range(1, count + 1))


def learning_rate_share(step: int, steps: int, warmup_share: float) -> float:
    """Return the share of the peak learning rate that a step uses; steps count from 1."""
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
        """Make one optimiser step on a batch (i64[b, s], i64[b, s], i64[b]); return its mean loss before the step.

        Raises:
            Diverged: the loss is NaN or infinite.
        """
        self.model.train()
        logits = forward(self.model, ids, mask, self.recipe.bf16)
        loss = functional.cross_entropy(logits, torch.from_numpy(labels))
        value = float(loss.detach())
        if not math.isfinite(value):
            raise Diverged("the training loss became NaN or infinite; lower LEARNING_RATE or CLIP_NORM")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
        for group in self._optimiser.param_groups:
            group["lr"] = learning_rate
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        return value

    def tensors(self) -> Tensors:
        """Return the weights and the optimiser's state by name."""
        state = self._optimiser.state_dict()["state"]
        return {f"{_NETWORK}{name}": value for name, value in self.model.state_dict().items()} | {
            f"{_OPTIMISER}{place}.{key}": value for place, values in state.items() for key, value in values.items()
        }

    def load(self, tensors: Tensors) -> None:
        """Restore the state that `tensors` returned.

        Raises:
            RuntimeError: the tensors are of another network.
        """
        weights = {name.removeprefix(_NETWORK): value for name, value in tensors.items() if name.startswith(_NETWORK)}
        self.model.load_state_dict(weights)
        held: dict[int, Tensors] = {}
        for name, value in tensors.items():
            if name.startswith(_OPTIMISER):
                place, key = name.removeprefix(_OPTIMISER).split(".")
                held.setdefault(int(place), {})[key] = value
        self._optimiser.load_state_dict(self._optimiser.state_dict() | {"state": held})


def forward(model: Any, ids: Any, mask: Any, bf16: bool) -> Any:
    """Return logits f32[b, 2] as a tensor. A batch without padding needs no mask, which is faster."""
    padded = not mask.all()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        answer = model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask) if padded else None)
    return answer.logits.float()


def margins(model: Any, rows: TokenisedRows, bf16: bool) -> np.ndarray:
    """Return positive minus negative logits f32[n], without dropout."""
    model.eval()
    found = np.empty(len(rows), dtype=np.float32)
    with torch.inference_mode():
        for batch in length_batches([len(row) for row in rows.ids], EVALUATION_TOKENS):
            ids, mask, _ = rows.batch(batch)
            logits = forward(model, ids, mask, bf16)
            found[batch] = (logits[:, 1] - logits[:, 0]).numpy()
    return found


def validate(model: Any, rows: TokenisedRows, bf16: bool, step: int = 0, steps: int = 0) -> Validation:
    """Evaluate the network on labelled rows.

    Raises:
        Diverged: an answer is NaN or infinite.
    """
    found = margins(model, rows, bf16)
    if not np.isfinite(found).all():
        raise Diverged("the network's answers became NaN or infinite; lower LEARNING_RATE or CLIP_NORM")
    accuracy = float(((found > 0) == (rows.labels == 1)).mean())
    plain = negative_log_likelihood(found, rows.labels, 1.0)
    calibrated = negative_log_likelihood(found, rows.labels, fit_temperature(found, rows.labels))
    return Validation(step, steps, accuracy, plain, calibrated)


def _batches(rows: TokenisedRows, recipe: Recipe, first: int, steps: int) -> Iterator[IntArray]:
    """Yield the batches of the steps `first` to `steps`, counted from 1."""
    lengths, per_epoch = rows.lengths, batches_per_epoch(len(rows), recipe.batch_size)
    epoch, skipped = divmod(first - 1, per_epoch)
    order = (
        batch
        for number in itertools.count(epoch)
        for batch in epoch_batches(lengths, recipe.batch_size, recipe.seed, number)
    )
    return itertools.islice(order, skipped, skipped + steps - first + 1)


def step_count(recipe: Recipe, rows: int) -> int:
    """Count the optimiser steps of a training on `rows` rows."""
    return max(1, math.ceil(recipe.epochs * batches_per_epoch(rows, recipe.batch_size)))


def fine_tune(
    model: Any,
    train: TokenisedRows,
    validation: TokenisedRows,
    recipe: Recipe,
    observer: Observer,
    checkpoints: Checkpoints | None = None,
) -> Fitted:
    """Train the network in place, and leave it with the weights of the lowest calibrated validation loss.

    With `checkpoints` the training resumes from the newest one, and ends with the same weights as without a pause (on
    the same kind of processor, with the same number of threads). SIGTERM and Ctrl-C leave a checkpoint after the
    current step.

    Raises:
        Diverged: the loss became NaN or infinite.
        Exception: any error of the observer; the network then keeps the weights of the last step.
    """
    with byte_dropout(model, recipe.seed) as masks:
        training = _Training(Learner(model, recipe), masks, train, validation, observer, checkpoints)
        training.run()
    model.load_state_dict(training.best_weights)
    model.eval()
    return training.course.fitted()


class _Training:
    """A training in progress: its learner, its course so far, and the weights of the best evaluation."""

    def __init__(
        self,
        learner: Learner,
        masks: Masks,
        train: TokenisedRows,
        validation: TokenisedRows,
        observer: Observer,
        checkpoints: Checkpoints | None,
    ) -> None:
        self.learner, self.masks, self.train, self.validation = learner, masks, train, validation
        self.observer, self.checkpoints = observer, checkpoints
        self.steps = step_count(learner.recipe, len(train))
        self.evaluate_at = evaluation_steps(self.steps)
        self.course = Course(self.steps)
        self.best_weights: Tensors = {}
        self.held = checkpoints.held if checkpoints else nullcontext

    def run(self) -> None:
        """Run all remaining steps."""
        self._resume()
        try:
            self._evaluate_if_due()
            for batch in _batches(self.train, self.learner.recipe, self.course.step + 1, self.steps):
                self._step(batch)
                self._evaluate_if_due()
                if self.checkpoints and self.checkpoints.due(self.course.step):
                    self.observer.saving()
                    self._save()
            if self.course.ended is None:
                if self.checkpoints:
                    self.observer.saving()
                with self.held():
                    self.course.end()
                    self._save()
        except (KeyboardInterrupt, SystemExit):
            self._save_before_the_end()
            raise

    def _step(self, batch: IntArray) -> None:
        start = time.perf_counter()
        recipe, step = self.learner.recipe, self.course.step + 1
        ids, mask, labels = self.train.batch(batch)
        rate = recipe.learning_rate * learning_rate_share(step, self.steps, recipe.warmup_share)
        with self.held():
            self.masks.begin(step)
            loss = self.learner.step(ids, mask, labels, rate)
            self.course.stepped(len(labels), ids.size, loss, time.perf_counter() - start)
            self.observer.stepped(StepReport(step, self.steps, len(labels), ids.size, loss, rate))

    def _evaluate_if_due(self) -> None:
        step, last = self.course.step, self.course.last
        if step not in self.evaluate_at or (last is not None and last.step == step):
            return
        start = time.perf_counter()
        self.observer.evaluating(len(self.validation))
        model = self.learner.model
        now = validate(model, self.validation, self.learner.recipe.bf16, step, self.steps)
        with self.held():
            if self.course.evaluated(now, time.perf_counter() - start):
                self.best_weights = {name: value.detach().clone() for name, value in model.state_dict().items()}
            self.observer.evaluated(now)

    def _resume(self) -> None:
        """Resume from the newest checkpoint; without one write a first, which shows if the folder is writable."""
        if self.checkpoints is None:
            return
        found = self.checkpoints.found
        if found is None:
            self._save()
            return
        self.course = Course.of_record(found.record)
        tensors = found.tensors()
        self.learner.load({name: value for name, value in tensors.items() if not name.startswith(_BEST)})
        self.best_weights = {
            name.removeprefix(_BEST): value for name, value in tensors.items() if name.startswith(_BEST)
        }

    def _save(self) -> bool:
        if self.checkpoints is None:
            return False
        with self.held():
            best = {f"{_BEST}{name}": value for name, value in self.best_weights.items()}
            return self.checkpoints.save(self.course.step, self.course.record(), self.learner.tensors() | best)

    def _save_before_the_end(self) -> None:
        if self._save() and self.checkpoints:
            self.checkpoints.say(
                f"stopped after step {self.course.step} of {self.steps}; the same command resumes from the checkpoint "
                f"in {self.checkpoints.folder}"
            )
