"""`sentiment demo`: options, an empty folder, the loop, the account, the summary."""

import json
import shutil
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sentiment_cli.errors import CliError
from sentiment_common.errors import UserError

app = typer.Typer()
MARK = ".sentiment-demo"
KEPT = ("releases", "cache", "mlflow.db", "mlartifacts")


def clean_folder(folder: Path, keep: bool) -> None:
    """Empty the demo's folder; `keep` spares releases, their cache and MLflow's runs.

    Raises:
        CliError: the folder is not empty, and no demo created it.
    """
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARK).exists():
            raise CliError(f"{folder} is not empty and no demo created it; choose another with --folder")
        for entry in folder.iterdir():
            if keep and entry.name.startswith(KEPT):
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).write_text("`sentiment demo` created this folder and empties it at its start.\n")


def _terminated(number: int, frame: object) -> None:  # noqa: ARG001 - the signature is signal's
    raise KeyboardInterrupt


@app.command()
def demo(
    train: Annotated[
        str | None,
        typer.Option(help="CSV or Parquet with text,label. [TRAIN_DATA; own reviews]", show_default=False),
    ] = None,
    test: Annotated[
        str | None, typer.Option(help="Held-out rows of the same kind. [TEST_DATA; a split]", show_default=False)
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="Network to start from. [BASE_MODEL; minilm]", show_default=False)
    ] = None,
    mode: Annotated[str | None, typer.Option(help="quick, optimized or full. [DEMO_MODE]", show_default=False)] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Folder for all files. [DEMO_DIR; var/demo]", show_default=False)
    ] = None,
    http_port: Annotated[int | None, typer.Option(help=r"REST port. \[a free one]", show_default=False)] = None,
    grpc_port: Annotated[int | None, typer.Option(help=r"gRPC port. \[a free one]", show_default=False)] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep an earlier demo's releases and runs.")] = False,
) -> None:
    """Run the whole loop on this machine: train, release, serve, query, log, watch.

    Trains on the repository's reviews or on yours (`--train`, `--test`); publishes, promotes and serves the release.
    Sends a few hundred requests by REST and gRPC from several threads, and counts the log. Checks drift on traffic of
    the same kind (no alarm) and on foreign traffic (drift). Exits with 0 when every expectation was met.
    """
    from rich.console import Console

    from sentiment_cli.demo.account import show_account
    from sentiment_cli.demo.loop import run_loop
    from sentiment_cli.demo.memory import MemoryWatch
    from sentiment_cli.demo.record import DemoRecord
    from sentiment_cli.demo.settings import DemoSettings
    from sentiment_cli.demo.stages import Stages, new_stages

    ports = {"http_port": http_port, "grpc_port": grpc_port}
    settings = DemoSettings.from_options(
        train_data=train, test_data=test, base_model=base, mode=mode, folder=folder, **ports
    )
    clean_folder(settings.folder, keep)
    console = Console(highlight=False)
    record = DemoRecord(datetime.now(UTC).isoformat(timespec="seconds"), new_stages())
    record.settings = json.loads(settings.model_dump_json())
    signal.signal(signal.SIGTERM, _terminated)
    start = time.perf_counter()
    with MemoryWatch() as memory:
        try:
            run_loop(settings, record, Stages(record, console, memory))
            record.outcome = "ok" if all(each.met for each in record.expectations) else "failed"
        except KeyboardInterrupt:
            record.outcome = "interrupted"
            raise
        except Exception as error:
            record.error = str(error)
            if not isinstance(error, UserError):
                raise
        finally:
            record.seconds, record.peak_mib = time.perf_counter() - start, memory.peak_mib
            record.write(settings.folder / "summary.json")
    show_account(record, settings.folder, console)
    if record.outcome != "ok":
        raise typer.Exit(1)
