"""`python -m prediction_log`: migrate, replay spilled rows, maintain partitions, list hourly counts."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from prediction_log.settings import LogSettings

app = typer.Typer(
    help="The prediction log's database.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
Url = Annotated[
    str | None,
    typer.Option(
        "--database-url", help="SQLite or Postgres (DATABASE_URL; sqlite:///var/predictions.db)", show_default=False
    ),
]
SpillUri = Annotated[
    str | None, typer.Option("--spill-uri", help="s3://bucket/prefix or a folder (SPILL_URI)", show_default=False)
]


def _settings(**options: Any) -> "LogSettings":
    """Read the environment; options that were given (not None) win over it."""
    from prediction_log.settings import LogSettings

    return LogSettings.from_options(**options)


@app.command()
def upgrade(
    database_url: Url = None,
    wait: Annotated[
        float | None,
        typer.Option(min=0, help="seconds to wait for the database (DATABASE_WAIT_SECONDS; 0)", show_default=False),
    ] = None,
) -> None:
    """Create or migrate the tables; safe to repeat and to run concurrently."""
    from prediction_log.maintenance.migrate import head, upgrade_when_there

    settings = _settings(database_url=database_url, database_wait_seconds=wait)
    console = Console(soft_wrap=True, highlight=False)
    upgrade_when_there(
        settings.database_url,
        settings.database_wait_seconds,
        lambda problem: console.print(f"waiting: {problem}", markup=False),
    )
    console.print(f"the prediction log is at revision {head()}")


def _replay(database_url: str, spill_uri: str) -> None:
    from prediction_log.ingest.replay import replay as replay_segments
    from prediction_log.ingest.spill_store import SpillStore

    store = SpillStore(spill_uri)
    done = replay_segments(database_url, store)
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"replayed {done.rows} rows of {done.segments} segments from {store.base}", markup=False)
    for name, reason in done.left.items():
        console.print(f"left {name}: {reason}", markup=False)


@app.command()
def replay(database_url: Url = None, spill_uri: SpillUri = None) -> None:
    """Insert the rows that pods mirrored under SPILL_URI but could not write to the database; safe to run at any time.

    Torn and foreign objects are listed and kept.
    """
    from prediction_log.errors import LogError

    settings = _settings(database_url=database_url, spill_uri=spill_uri)
    if not settings.spill_uri:
        raise LogError("SPILL_URI is not set, so there is nothing to replay; give s3://bucket/prefix or a folder")
    _replay(settings.database_url, settings.spill_uri)


@app.command()
def maintain(
    database_url: Url = None,
    ahead: Annotated[int, typer.Option(min=0, max=60, help="days ahead to create partitions for")] = 7,
    keep: Annotated[int, typer.Option(min=1, help="whole days to keep predictions, feedback and reports")] = 90,
    spill_uri: SpillUri = None,
    lock_wait: Annotated[
        float, typer.Option(min=0, max=86_400, help="seconds to retry while other sessions hold locks")
    ] = 300.0,
) -> None:
    """Create the coming days' partitions, remove old rows, and replay rows mirrored under SPILL_URI.

    A partition that stays locked is listed and left for the next run; the exit code is then 1.
    """
    from prediction_log.maintenance.retention import maintain as maintain_tables

    settings = _settings(database_url=database_url, spill_uri=spill_uri)
    console = Console(soft_wrap=True, highlight=False)
    done = maintain_tables(
        settings.database_url,
        ahead_days=ahead,
        keep_days=keep,
        wait_seconds=lock_wait,
        report=lambda line: console.print(line, markup=False),
    )
    console.print(
        f"made {len(done.made)} partitions; removed {done.predictions} predictions, {done.feedback} labels and "
        f"{done.drift_reports} drift reports older than {keep} days"
    )
    for name, reason in done.left.items():
        console.print(f"left {name}: {reason}", markup=False)
    if settings.spill_uri:
        _replay(settings.database_url, settings.spill_uri)
    if done.left:
        raise typer.Exit(1)


@app.command()
def hourly(
    database_url: Url = None,
    hours: Annotated[int, typer.Option(min=1, help="hours to look back")] = 24,
) -> None:
    """Print predictions and average confidence by hour."""
    from prediction_log.reader import WindowReader

    reader = WindowReader(_settings(database_url=database_url).database_url)
    now = datetime.now(UTC)
    table = Table("hour (UTC)", "predictions", "average confidence")
    for row in reader.hourly(now - timedelta(hours=hours), now):
        table.add_row(f"{row.hour:%Y-%m-%d %H:%M}", str(row.predictions), f"{row.average_confidence:.3f}")
    Console().print(table)
