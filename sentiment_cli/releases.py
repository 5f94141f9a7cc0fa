"""`sentiment releases`: list the store's releases, the newest first."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from model_release import Manifest

app = typer.Typer()


@app.command()
def releases(
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest to show.")] = 20,
    releases_uri: Annotated[
        str | None, typer.Option(help="Where the releases are (RELEASES_URI, var/releases).", show_default=False)
    ] = None,
) -> None:
    """List the releases: id, champion, accuracy with its 95 % interval, creation time, base, engine."""
    from rich.console import Console
    from rich.table import Table

    from model_release import ReleaseStore
    from sentiment_cli.settings import CliSettings

    settings = CliSettings.from_options(releases_uri=releases_uri)
    store = ReleaseStore(settings.releases_uri)
    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, 110)  # one line per row, on a terminal and in a pipe
    ids = store.list_releases(settings.model_name)
    if not ids:
        console.print(
            f"no release of {settings.model_name!r} in {store.base} yet; "
            "type: sentiment train --mode quick --train YOUR.csv"
        )
        return
    champion = store.champion(settings.model_name)
    table = Table(box=None, pad_edge=False)
    for heading in ("release", "", "accuracy", "made (UTC)", "base", "engine"):
        table.add_column(heading, no_wrap=True)
    for release_id in ids[:limit]:
        manifest = store.manifest(settings.model_name, release_id)
        mark = {champion.id: "champion", champion.previous: "previous"}.get(release_id, "") if champion else ""
        table.add_row(
            release_id,
            mark,
            accuracy_text(manifest),
            manifest.created_at[:16].replace("T", " "),
            manifest.base_model,
            manifest.default_variant,
        )
    console.print(table)
    if len(ids) > limit:
        console.print(f"… and {len(ids) - limit} older (--limit)")


def accuracy_text(manifest: "Manifest") -> str:
    """Format as `0.912 (0.899 to 0.924)`, or a dash where the release was not evaluated."""
    metric = manifest.metrics.get("accuracy")
    return f"{metric.value:.3f} ({metric.low:.3f} to {metric.high:.3f})" if metric else "-"
