"""One training step of 16 reviews, this pipeline's beside the stock `transformers.Trainer`'s.

    python benchmarks/training/step.py --train imdb_train.csv.gz
    python benchmarks/training/step.py --train imdb_train.csv.gz --test imdb_test.csv.gz --rows 500

Both start from the same weights and take the same rows, in turns within one process. Ours: rows of like length
together, padded to the longest, bf16 where the CPU has it. Stock: rows as they come, each padded to 512 tokens, fp32.
With --rows both are also trained on that many rows with the same settings, end with their last weights, and answer
the same test rows. Stock needs the package `accelerate`.
"""

import argparse
import copy
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from harness import machine, markdown, save
from rich.console import Console

from model_release import available_cpus
from training_job.data.reading import read_rows
from training_job.data.rows import Rows
from training_job.data.split import balanced_order, merge_copies
from training_job.fit.bases import Base, load_base
from training_job.fit.dropout import byte_dropout
from training_job.fit.loop import Learner, Recipe, cpu_has_bf16, learning_rate_share, validate
from training_job.fit.tokenised import TokenisedRows, epoch_batches, padding_share, tokenise

BATCH, STOCK_TOKENS = 16, 512
console = Console()


@dataclass(frozen=True)
class Timing:
    """Seconds of each step, and the share of padding among the tokens."""

    seconds: list[float]
    padding: float


def recipe(base: Base, epochs: int, seed: int) -> Recipe:
    """Settings of both sides; stock takes the same numbers."""
    return Recipe(
        epochs=epochs,
        batch_size=BATCH,
        learning_rate=base.learning_rate,
        weight_decay=0.01,
        warmup_share=0.1,
        clip_norm=1.0,
        seed=seed,
        bf16=cpu_has_bf16(),
    )


def our_training(base: Base, rows: TokenisedRows, epochs: int, seed: int) -> tuple[Any, list[float]]:
    """Train as the pipeline does, without its evaluations; the network, and the seconds of each step."""
    model = copy.deepcopy(base.model)
    settings = recipe(base, epochs, seed)
    learner = Learner(model, settings)
    batches = [batch for epoch in range(epochs) for batch in epoch_batches(rows.lengths, BATCH, seed, epoch)]
    seconds = []
    with byte_dropout(model, seed):
        for step, chosen in enumerate(batches, start=1):
            start = time.perf_counter()
            share = learning_rate_share(step, len(batches), settings.warmup_share)
            learner.step(*rows.batch(chosen), settings.learning_rate * share)
            seconds.append(time.perf_counter() - start)
    return model, seconds


def our_steps(base: Base, rows: Rows, tokens: int, seed: int) -> Timing:
    """One pass over the rows, after one that warms the kernels up for each of its shapes."""
    read = tokenise(base.tokenizer, rows, tokens, "head", base.pad_id)
    batches = list(epoch_batches(read.lengths, BATCH, seed, 0))
    _, seconds = our_training(base, read, 2, seed)
    return Timing(seconds[len(batches) :], padding_share(read.lengths, batches, tokens))


def _dataset(base: Base, rows: Rows) -> list[dict[str, Any]]:
    """Rows as the stock recipe has them: `padding="max_length", truncation=True, max_length=512`."""
    tokens = tokenise(base.tokenizer, rows, STOCK_TOKENS, "head", base.pad_id)
    made = []
    for ids, label in zip(tokens.ids, tokens.labels, strict=True):
        padded = np.full(STOCK_TOKENS, base.pad_id, dtype=np.int64)
        padded[: len(ids)] = ids
        mask = (np.arange(STOCK_TOKENS) < len(ids)).astype(np.int64)
        made.append({"input_ids": padded, "attention_mask": mask, "labels": int(label)})
    return made


def stock_trainer(base: Base, rows: Rows, epochs: int, seed: int, folder: Path) -> tuple[Any, list[float]]:
    """Train by `transformers.Trainer`; the network, and the seconds of each step."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    seconds: list[float] = []

    class Clock(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.start = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            seconds.append(time.perf_counter() - self.start)

    settings = recipe(base, epochs, seed)
    arguments = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=BATCH,
        num_train_epochs=epochs,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        warmup_steps=settings.warmup_share,
        max_grad_norm=settings.clip_norm,
        seed=seed,
        use_cpu=True,
        report_to="none",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
    )
    model = copy.deepcopy(base.model)
    trainer = Trainer(model=model, args=arguments, train_dataset=_dataset(base, rows), callbacks=[Clock()])
    trainer.train()
    return model, seconds


def stock_steps(base: Base, rows: Rows, seed: int, folder: Path) -> Timing:
    """One pass over the rows; the first step, which warms the kernels up, is of a batch put before them."""
    doubled = rows.take([*range(BATCH), *range(len(rows))])
    _, seconds = stock_trainer(base, doubled, 1, seed, folder)
    tokens = tokenise(base.tokenizer, rows, STOCK_TOKENS, "head").lengths
    return Timing(seconds[1:], 1.0 - float(tokens.sum()) / (STOCK_TOKENS * len(rows)))


def measure_steps(base: Base, rows: Rows, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Seconds a step of each side, in turns."""
    found: dict[str, list[Timing]] = {}
    for turn in range(arguments.rounds):
        for tokens in arguments.tokens:
            found.setdefault(f"ours, ≤ {tokens} tokens", []).append(our_steps(base, rows, tokens, turn))
        found.setdefault("stock Trainer, 512 tokens", []).append(stock_steps(base, rows, turn, arguments.work))
        console.print(f"round {turn + 1} of {arguments.rounds} is done")
    stock = statistics.mean(second for timing in found["stock Trainer, 512 tokens"] for second in timing.seconds)
    made = []
    for name, timings in found.items():
        seconds = [second for timing in timings for second in timing.seconds]
        made.append(
            {
                "side": name,
                "steps": len(seconds),
                "mean_seconds": round(statistics.mean(seconds), 4),
                "median_seconds": round(statistics.median(seconds), 4),
                "lowest": round(min(seconds), 4),
                "highest": round(max(seconds), 4),
                "padding_share": round(statistics.mean(timing.padding for timing in timings), 4),
                "times_faster_than_stock": round(stock / statistics.mean(seconds), 2),
            }
        )
    return made


def measure_accuracy(base: Base, train: Rows, test: Rows, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Both trained on the same rows with the same settings and seeds, without a look at other rows; accuracy on test
    rows."""
    made, seeds, epochs = [], range(arguments.seeds), arguments.epochs
    for tokens in arguments.tokens:
        ours, asked = (tokenise(base.tokenizer, rows, tokens, "head_tail", base.pad_id) for rows in (train, test))
        trained = [our_training(base, ours, epochs, seed) for seed in seeds]
        made.append(_side(f"ours, ≤ {tokens} tokens", trained, asked, cpu_has_bf16()))
    asked = tokenise(base.tokenizer, test, STOCK_TOKENS, "head", base.pad_id)
    trained = [stock_trainer(base, train, epochs, seed, arguments.work) for seed in seeds]
    made.append(_side("stock Trainer, 512 tokens", trained, asked, False))
    for side in made:
        side["times_faster_than_stock"] = round(made[-1]["train_seconds"] / side["train_seconds"], 2)
    return made


def _side(name: str, trained: list[tuple[Any, list[float]]], asked: TokenisedRows, bf16: bool) -> dict[str, Any]:
    """Means over the seeds; the accuracies of each, since one training of so few steps shows little."""
    accuracies = [validate(model, asked, bf16).accuracy for model, _ in trained]
    return {
        "side": name,
        "train_seconds": round(statistics.mean(sum(seconds) for _, seconds in trained), 2),
        "accuracy": round(statistics.mean(accuracies), 4),
        "by_seed": ", ".join(f"{accuracy:.3f}" for accuracy in accuracies),
        "test_rows": len(asked),
    }


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", required=True, help="reviews with text,label")
    parser.add_argument("--test", help="reviews that measure, for --rows")
    parser.add_argument("--base", default="minilm")
    parser.add_argument("--tokens", type=int, nargs="+", default=[256, 512], help="our longest texts")
    parser.add_argument("--steps", type=int, default=4, help="steps of a round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rows", type=int, default=0, help="train both on so many rows, too")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each side, for --rows")
    parser.add_argument("--test-rows", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("var/benchmarks/trainer"))
    parser.add_argument("--name", default="training_step", help="of the result file")
    arguments = parser.parse_args()
    if arguments.rows and not arguments.test:
        parser.error("--rows needs --test")
    return arguments


def main() -> None:
    """Measure, print and save."""
    arguments = parse()
    torch.set_num_threads(arguments.threads or available_cpus())
    document: dict[str, Any] = {"machine": machine()}
    rows = merge_copies(read_rows(arguments.train, "train")).rows
    order = balanced_order(rows.labels)
    base = load_base(arguments.base, texts=rows.texts[:1000], max_tokens=max(arguments.tokens), seed=0)
    document |= {"base": arguments.base, "batch": BATCH, "bf16": cpu_has_bf16(), "threads": torch.get_num_threads()}
    document["steps"] = measure_steps(base, rows.take(order[: BATCH * arguments.steps]), arguments)
    console.print(table(document["steps"]), soft_wrap=True)
    if arguments.rows:
        test = merge_copies(read_rows(arguments.test, "test")).rows
        test = test.take(balanced_order(test.labels)[: arguments.test_rows])
        train = rows.take(order[: arguments.rows])
        document |= {"rows": len(train), "epochs": arguments.epochs}
        document["training"] = measure_accuracy(base, train, test, arguments)
        console.print(table(document["training"]), soft_wrap=True)
    console.print(f"saved {save(arguments.name, document)}")


def table(sides: list[dict[str, Any]]) -> str:
    """The sides as a Markdown table."""
    return markdown([name.replace("_", " ") for name in sides[0]], [list(side.values()) for side in sides])


if __name__ == "__main__":
    main()
