"""Results of the commands and the next step, on standard output."""

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from training_job.build.types import CARD_PAGE
from training_job.outcomes import SearchOutcome, TrainOutcome
from training_job.progress import stdout_console
from training_job.promotion.promote import Promotion
from training_job.publish import Publication

_MEASURED = {
    "accuracy": "accuracy",
    "constant_accuracy": "a constant answer's accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "baseline_accuracy": "baseline's accuracy",
}


def _table(rows: list[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, escape(value))
    return table


def show_outcome(outcome: TrainOutcome) -> None:
    """Print the result of a training and the next step, the gate's verdict first."""
    rows = [("release", outcome.release_id), ("at", outcome.release_uri)]
    for name, title in _MEASURED.items():
        if metric := outcome.metrics.get(name):
            rows.append((title, f"{metric.value:.4f}  (95 %: {metric.low:.4f} to {metric.high:.4f})"))
    rows += [("missing", f"{part}: {reason}") for part, reason in outcome.missing.items()]
    rows += [
        ("served by default", outcome.default_variant),
        ("seconds", ", ".join(f"{name} {seconds:.0f}" for name, seconds in outcome.seconds.items())),
        ("MLflow run", outcome.run_id or "not tracked (MLFLOW_TRACKING_URI=none)"),
    ]
    console = stdout_console()
    if outcome.gate is not None:
        verdict, style = ("passed", "green") if outcome.gate.passed else ("failed: it stays the challenger", "yellow")
        console.print(Text.assemble(("gate ", ""), (verdict, style), f"; {outcome.gate.reason}"), soft_wrap=True)
    console.print(_table(rows))
    if outcome.registry_problem:
        console.print(escape(f"not in MLflow's registry: {outcome.registry_problem}"), style="yellow", soft_wrap=True)
    command = f"sentiment promote {outcome.release_id}"
    if outcome.promotion is not None:
        show_promotion(outcome.promotion)
    elif outcome.gate is not None and not outcome.gate.passed:
        card = f"{outcome.release_uri}/MODEL_CARD.{'md' if CARD_PAGE in outcome.missing else 'html'}"
        console.print(escape(f"next: compare the cards ({card}); to promote it anyway: {command}"), soft_wrap=True)
    else:
        console.print(f"next: {command}", soft_wrap=True)


def show_search(outcome: SearchOutcome) -> None:
    """Print the best trial of a search, and the training with its settings."""
    rows = [
        ("search", f"{outcome.study} in {outcome.study_uri}"),
        ("trials", f"{outcome.done} complete, {outcome.pruned} pruned, {outcome.failed} diverged"),
        ("best", f"trial {outcome.best_trial}: loss {outcome.best_loss:.4f}, accuracy {outcome.best_accuracy:.4f}"),
        *((name, f"{value:.4g}" if isinstance(value, float) else str(value)) for name, value in outcome.best.items()),
    ]
    options = " ".join(
        f"--{name.replace('_', '-')} {value:.4g}" if isinstance(value, float) else f"--{name.replace('_', '-')} {value}"
        for name, value in outcome.best.items()
    )
    console = stdout_console()
    console.print(_table(rows))
    console.print(f"next: sentiment train {options}", soft_wrap=True)


def show_publication(publication: Publication) -> None:
    """Print the address of a published release and the next step."""
    console = stdout_console()
    rows = [("release", publication.release_id), ("at", publication.release_uri)]
    if publication.registry_version:
        rows.append(("MLflow", f"version {publication.registry_version} has the alias challenger"))
    console.print(_table(rows))
    if problem := publication.registry_problem:
        console.print(escape(f"not in MLflow's registry: {problem}"), style="yellow", soft_wrap=True)
        after = f"register it later: sentiment publish {publication.folder}"
    else:
        after = f"{publication.folder} {'was removed' if publication.removed else 'is no longer needed'}"
    console.print(escape(after), soft_wrap=True)
    console.print(f"next: sentiment promote {publication.release_id}", soft_wrap=True)


def show_promotion(promotion: Promotion) -> None:
    """Print the current champion."""
    champion = promotion.champion
    verb = "is now" if promotion.changed else "was already"
    console = stdout_console()
    console.print(f"{champion.id} {verb} the champion", soft_wrap=True)
    rows = [("before it", champion.previous or "none"), ("by", f"{champion.who}, {champion.when}")]
    rows.append(("golden inputs", f"answered within {promotion.golden_difference:.4f} of the recorded probabilities"))
    if promotion.registry_version:
        rows.append(("MLflow", f"version {promotion.registry_version} has the alias champion"))
    console.print(_table(rows))
    if promotion.registry_problem:
        console.print(escape(promotion.registry_problem), style="yellow", soft_wrap=True)
