"""Steps from settings to a fitted network, which a training and each trial of a search share."""

import copy
import hashlib
import os
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch

from model_release import available_cpus
from training_job.data.feedback import mix, read_feedback
from training_job.data.reading import HUB_PREFIX, read_rows
from training_job.data.rows import Parts
from training_job.data.split import split
from training_job.errors import DataError
from training_job.fit.bases import Base, load_base
from training_job.fit.checkpoint import Checkpoints
from training_job.fit.course import Fitted
from training_job.fit.loop import Observer, Recipe, cpu_has_bf16, fine_tune
from training_job.fit.tokenised import TokenisedRows, epoch_batches, padding_share, tokenise
from training_job.settings import MODES, SearchSettings

FEWEST_WATCHED = 64  # an evaluation on fewer rows is too uncertain


@dataclass(frozen=True)
class Prepared:
    """Inputs of a training.

    Attributes:
        train, validation: the rows as token ids of the base's tokenizer.
        watched: the first validation rows, which the evaluations during a training use.
    """

    parts: Parts
    base: Base
    train: TokenisedRows
    validation: TokenisedRows
    watched: TokenisedRows


def read_parts(settings: SearchSettings) -> Parts:
    """Read both files (or datasets), split their rows, and add feedback with FEEDBACK=mix.

    Raises:
        DataError: names the file and the remedy.
    """
    train = read_rows(settings.train_data, "train", settings.columns)
    test_data = settings.test_data or (settings.train_data if settings.train_data.startswith(HUB_PREFIX) else None)
    test = read_rows(test_data, "test", settings.columns) if test_data else None
    try:
        parts = split(
            train,
            test,
            train_rows=settings.rows,
            validation_rows=settings.validation_rows,
            test_rows=settings.test_rows,
        )
    except DataError as error:
        raise DataError(f"{settings.train_data}: {error}") from None
    if settings.feedback == "none":
        return parts
    return mix(parts, *read_feedback(settings.releases_uri, settings.model_name))


def prepare(settings: SearchSettings, parts: Parts) -> Prepared:
    """Load the base and tokenise the rows.

    Raises:
        BaseModelError: the base cannot be loaded.
    """
    torch.set_num_threads(settings.threads or available_cpus())
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    base = load_base(settings.base_model, texts=parts.train.texts, max_tokens=settings.max_tokens, seed=settings.seed)
    train, validation = (
        tokenise(base.tokenizer, rows, settings.max_tokens, settings.truncation, base.pad_id)
        for rows in (parts.train, parts.validation)
    )
    # The ten evaluations of a training together read as many rows as one pass over the training rows.
    count = min(len(validation), max(FEWEST_WATCHED, len(train) // 10))
    watched = replace(validation, ids=validation.ids[:count], labels=validation.labels[:count])
    return Prepared(parts, base, train, validation, watched)


def recipe_of(settings: SearchSettings, base: Base) -> Recipe:
    """Return the recipe of these settings; by default with the mode's share of the base's learning rate, and with bf16
    where the CPU has instructions for it."""
    return Recipe(
        epochs=settings.passes,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate or base.learning_rate * MODES[settings.mode].rate_share,
        weight_decay=settings.weight_decay,
        warmup_share=settings.warmup_share,
        clip_norm=settings.clip_norm,
        seed=settings.seed,
        bf16=settings.precision == "bf16" or (settings.precision == "auto" and cpu_has_bf16()),
    )


def fit(
    prepared: Prepared, recipe: Recipe, observer: Observer, checkpoints: Checkpoints | None = None
) -> tuple[Any, Fitted]:
    """Fine-tune a copy of the base's network; return the copy and the result.

    Raises:
        Diverged: the loss became NaN or infinite.
    """
    model = copy.deepcopy(prepared.base.model)
    return model, fine_tune(model, prepared.train, prepared.watched, recipe, observer, checkpoints)


def identity(settings: SearchSettings, prepared: Prepared, recipe: Recipe) -> dict[str, str | int | float | bool]:
    """Return all that the weights of a training depend on, except processor and threads.

    A training resumes only from a checkpoint of the same identity.
    """
    network = hashlib.sha256()
    for name, value in prepared.base.model.state_dict().items():
        network.update(name.encode())
        network.update(value.contiguous().numpy())
    return asdict(recipe) | {
        "base_model": settings.base_model,
        "base_weights": network.hexdigest(),
        "tokenizer": hashlib.sha256(prepared.base.tokenizer.to_str().encode()).hexdigest(),
        "max_tokens": settings.max_tokens,
        "truncation": settings.truncation,
        "rows": prepared.parts.fingerprint,
        "watched_rows": len(prepared.watched),
        "torch": torch.__version__,
    }


def padding_of(prepared: Prepared, recipe: Recipe) -> float:
    """Return the share of padding among the tokens of the first epoch."""
    lengths = prepared.train.lengths
    batches = list(epoch_batches(lengths, recipe.batch_size, recipe.seed, 0))
    return padding_share(lengths, batches, prepared.train.max_tokens)
