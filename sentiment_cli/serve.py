"""`sentiment serve`: choose the release, fetch its files, become the server."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentiment_cli.errors import CliError

if TYPE_CHECKING:
    from model_release import Manifest, ReleaseStore
    from sentiment_cli.settings import CliSettings

app = typer.Typer()


class NoChampion(CliError):
    """No release has been promoted yet."""


@dataclass(frozen=True, slots=True)
class ServePlan:
    """The release to serve, its source, and the paths that its variant needs."""

    release_id: str
    variant: str
    source: str
    only: tuple[str, ...]


def choose_release(store: "ReleaseStore", name: str, wanted: str | None) -> str:
    """Resolve the release to serve: the champion by default, the newest for `latest`, else an id or its beginning.

    Raises:
        NoChampion: nothing was promoted (or published); the message has the next command.
        ReleaseNotFound: the store has no such release.
    """
    if wanted and wanted != "latest":
        return store.resolve(name, wanted)
    newest = store.list_releases(name)
    if wanted is None:
        champion = store.champion(name)
        if champion is not None:
            return champion.id
        if newest:
            raise NoChampion(
                f"no release of {name!r} in {store.base} is promoted yet; type: sentiment promote {newest[0]} "
                f"(or serve the newest as it is: sentiment serve --release latest)"
            )
    if not newest:
        raise NoChampion(
            f"there is no release of {name!r} in {store.base}; type: sentiment train --mode quick --train YOUR.csv "
            f"(or see the whole loop at once: sentiment demo)"
        )
    return newest[0]


def needed_paths(manifest: "Manifest", variant: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the variant's name and its path prefixes: `serving/` (tokenizer, golden answers) and its own."""
    from model_release.folder import parts_of

    chosen = variant or manifest.default_variant
    if chosen not in manifest.variants:
        raise CliError(
            f"release {manifest.release_id} has no variant {chosen!r}; it has: {', '.join(sorted(manifest.variants))}"
        )
    return chosen, parts_of(manifest.variants[chosen])


def plan(store: "ReleaseStore", name: str, wanted: str | None, variant: str | None) -> ServePlan:
    """Resolve the release and variant to serve; reads manifests only."""
    release_id = choose_release(store, name, wanted)
    chosen, only = needed_paths(store.manifest(name, release_id), variant)
    return ServePlan(release_id, chosen, store.uri(name, release_id), only)


def server_command(found: ServePlan, folder: Path, settings: "CliSettings", variant: str | None) -> list[str]:
    """Build the server's command line for a fetched release."""
    command = [sys.executable, "-m", "model_server", "--model_name", settings.model_name]
    command += ["--model_dir", str(folder), "--release_id", found.release_id]
    command += ["--http_port", str(settings.http_port), "--grpc_port", str(settings.grpc_port)]
    return command + (["--variant", variant] if variant else [])


@app.command()
def serve(
    release: Annotated[
        str | None,
        typer.Option(help=r"An id, its beginning, or `latest`. \[default: the champion]", show_default=False),
    ] = None,
    variant: Annotated[
        str | None,
        typer.Option(help=r"Engine variant, such as `torch`. \[default: the release's own]", show_default=False),
    ] = None,
    http_port: Annotated[int | None, typer.Option(help="REST port (HTTP_PORT, 8080).", show_default=False)] = None,
    grpc_port: Annotated[int | None, typer.Option(help="gRPC port (GRPC_PORT, 8081).", show_default=False)] = None,
    releases_uri: Annotated[
        str | None, typer.Option(help="Where the releases are (RELEASES_URI, var/releases).", show_default=False)
    ] = None,
    ui: Annotated[bool, typer.Option("--ui", help="Start the monitor and the page too (PAGE_PORT, 8088).")] = False,
    page_port: Annotated[
        int | None, typer.Option(help="Port of the page with --ui (PAGE_PORT, 8088).", show_default=False)
    ] = None,
) -> None:
    """Serve the champion (or another release) by REST and gRPC until SIGTERM or Ctrl-C.

    The release's `serving/` files are fetched into var/cache and verified. Then the server replaces this process, so
    signals reach it. With --ui it is a child process, beside the monitor and the page. The server's other settings are
    environment variables: DATABASE_URL, LOG_TEXT, SPILL_DIR, CORS_ORIGINS.
    """
    from importlib.util import find_spec

    from rich.console import Console

    from model_release import ReleaseStore
    from sentiment_cli.settings import CliSettings

    settings = CliSettings.from_options(
        releases_uri=releases_uri, http_port=http_port, grpc_port=grpc_port, page_port=page_port
    )
    if find_spec("kserve") is None:
        raise ModuleNotFoundError("No module named 'kserve'", name="kserve")
    if ui:
        from sentiment_cli.page.files import check_built

        check_built(settings.page_dir)
    store = ReleaseStore(settings.releases_uri)
    found = plan(store, settings.model_name, release, variant)
    folder = store.fetch(settings.model_name, found.release_id, settings.cache_dir, only=found.only)
    Console(stderr=True, highlight=False).print(
        f"serving release [bold]{found.release_id}[/bold] ({found.variant}) of {found.source}: "
        f"http://127.0.0.1:{settings.http_port} and gRPC 127.0.0.1:{settings.grpc_port}",
        soft_wrap=True,
    )
    sys.stdout.flush()
    sys.stderr.flush()
    command = server_command(found, folder, settings, variant)
    if ui:
        from sentiment_cli.page.run import run

        raise typer.Exit(run(settings, command))
    os.execv(sys.executable, command)
