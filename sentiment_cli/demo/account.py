"""The printed account of a demo, made from its record."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sentiment_cli.demo.record import DemoRecord


def show_account(record: DemoRecord, folder: Path, console: Console) -> None:
    """Print stages, quality, requests, drift, expectations, and the next commands."""
    console.print()
    _stages(record, console)
    if record.metrics:
        _quality(record, console)
    if record.transports:
        _requests(record, console)
    if record.drift:
        _drift(record, console)
    if record.expectations:
        _expectations(record, console)
    if record.error:
        console.print(f"[bold red]The demo failed.[/bold red] {escape(record.error)}", soft_wrap=True)
        logs = [stage.log for stage in record.stages if stage.outcome == "failed" and stage.log]
        console.print(f"Logs: {', '.join(logs) or folder / 'logs'}", soft_wrap=True)
    elif record.outcome == "failed":
        console.print("[bold red]The demo completed, but not every expectation was met.[/bold red]")
    elif record.outcome == "ok":
        _next_commands(record, folder, console)
    console.print(f"\nAll files are in {folder}/; the figures are in {folder}/summary.json.", soft_wrap=True)


def _table(title: str, *columns: tuple[str, str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for heading, side in columns:
        table.add_column(heading, justify="right" if side == "right" else "left", overflow="fold")
    return table


def _stages(record: DemoRecord, console: Console) -> None:
    columns = (("stage", ""), ("outcome", ""), ("seconds", "right"), ("peak MiB", "right"))
    table = _table("Stages", *columns)
    for stage in record.stages:
        reached = stage.outcome != "not reached"
        figures = (f"{stage.seconds:.1f}", f"{stage.peak_mib:.0f}") if reached else ("", "")
        table.add_row(stage.title, stage.outcome, *figures)
    table.add_row("all", record.outcome, f"{record.seconds:.1f}", f"{record.peak_mib:.0f}")
    console.print(table)
    console.print("[dim]Memory is the sum over all processes.[/dim]\n")


def metric_text(metric: Mapping[str, float]) -> str:
    """Format as `0.912 (0.899 to 0.924)`."""
    return f"{metric['value']:.3f} ({metric['low']:.3f} to {metric['high']:.3f})"


def _quality(record: DemoRecord, console: Console) -> None:
    names = {
        "accuracy": "accuracy",
        "constant_accuracy": "accuracy of a constant answer",
        "balanced_accuracy": "balanced accuracy",
        "f1": "F1",
        "baseline_accuracy": "accuracy of the baseline (TF-IDF, logistic regression)",
        "ece_after": "calibration error",
        "int8_agreement": "int8 agrees with fp32's label",
    }
    table = _table(f"Release {record.release_id}", ("held-out rows", ""), ("value (95 % interval)", ""))
    for name, words in names.items():
        if name in record.metrics:
            table.add_row(words, metric_text(record.metrics[name]))
    table.add_row("base, engine", f"{record.base_model}, {record.default_variant}")
    console.print(table)
    console.print(f"[dim]{record.release_uri}/MODEL_CARD.html is its model card.[/dim]\n", soft_wrap=True)


def _requests(record: DemoRecord, console: Console) -> None:
    columns = (("transport", ""), ("requests", "right"), ("texts", "right"), ("failed", "right"))
    table = _table("Requests", *columns, ("p50 ms", "right"), ("p95 ms", "right"))
    for each in record.transports:
        counts = (str(each.requests), str(each.texts), str(each.failed))
        table.add_row(each.transport, *counts, f"{each.p50_ms:.1f}", f"{each.p95_ms:.1f}")
    console.print(table)
    if record.agreement:
        found = record.agreement
        console.print(
            f"{found.texts} texts were sent by all four transports; the answers differ by at most "
            f"{found.largest_difference:.2g}. "
            f"The log holds {record.rows_logged} rows for {record.texts_sent} texts.\n",
            soft_wrap=True,
        )


def _drift(record: DemoRecord, console: Console) -> None:
    table = _table("Drift", ("traffic", ""), ("rows", "right"), ("expected", ""), ("verdict", ""), ("because", ""))
    for each in record.drift:
        table.add_row(each.traffic, str(each.rows), each.expected, f"[bold]{each.verdict}[/bold]", escape(each.reason))
    console.print(table)
    for each in record.drift:
        console.print(f"[dim]report on {each.traffic} traffic: {each.report or 'none'}[/dim]", soft_wrap=True)
    console.print()


def _expectations(record: DemoRecord, console: Console) -> None:
    for each in record.expectations:
        mark = "[green]yes[/green]" if each.met else "[bold red]NO [/bold red]"
        console.print(f"{mark}  {escape(each.name)} ({escape(each.found)})", soft_wrap=True)
    console.print()


def next_commands(record: DemoRecord, folder: Path) -> list[str]:
    """Return the commands to continue with this demo's release, log and reports."""
    exports = " ".join(
        f"{name}={shlex.quote(value)}"
        for name, value in (
            ("RELEASES_URI", f"{folder}/releases"),
            ("DATABASE_URL", f"sqlite:///{folder}/predictions.db"),
            ("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db"),
        )
    )
    reports = [drift.report for drift in record.drift if drift.report]
    sentiment = (
        "sentiment" if shutil.which("sentiment") else f"{os.path.relpath(Path(sys.executable).parent)}/sentiment"
    )
    viewer = "open" if sys.platform == "darwin" else "xdg-open"
    return [
        f"export {exports} SPILL_DIR={shlex.quote(str(folder / 'spill'))}",
        f"{sentiment} serve",
        "curl -s localhost:8080/predict -H 'Content-Type: application/json' "
        '-d \'{"text": "A warm and funny film.", "return_probabilities": true}\'',
        f"{sentiment} status",
        f"{sentiment} doctor",
        *([f"{viewer} {shlex.quote(reports[-1])}"] if reports else []),
    ]


def _next_commands(record: DemoRecord, folder: Path, console: Console) -> None:
    console.print("[bold]Next commands[/bold] (run the server in its own terminal)")
    for line in next_commands(record, folder):
        console.print(f"  {escape(line)}", soft_wrap=True, highlight=False)
