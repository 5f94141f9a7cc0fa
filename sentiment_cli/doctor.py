"""`sentiment doctor`: check every part; print what is wrong and its remedy."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from sentiment_cli.checks.check import Check

app = typer.Typer()
COLOURS = {"ok": "green", "skip": "dim", "warn": "yellow", "fail": "bold red"}


@app.command()
def doctor(
    url: Annotated[
        str | None, typer.Option(help=r"The server's REST. \[http://127.0.0.1:HTTP_PORT]", show_default=False)
    ] = None,
    grpc: Annotated[
        str | None, typer.Option(help="The server's gRPC. [127.0.0.1:GRPC_PORT]", show_default=False)
    ] = None,
    releases_uri: Annotated[str | None, typer.Option(help="The releases. [RELEASES_URI]", show_default=False)] = None,
    database_url: Annotated[
        str | None, typer.Option(help="The prediction log. [DATABASE_URL]", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check this machine, the releases, the database, MLflow and the running server.

    Sends the server eleven short texts, which stay in the log; changes nothing else. Exits with 0 when no check
    failed (a warning is not a failure), else with 1. `--cluster` checks the chart's namespace instead.
    """
    import json

    from rich.console import Console

    from sentiment_cli.checks.check import State, run_all
    from sentiment_cli.checks.plan import Plan
    from sentiment_cli.settings import CliSettings

    settings = CliSettings.from_options(releases_uri=releases_uri, database_url=database_url)
    target = grpc or f"127.0.0.1:{settings.grpc_port}"
    plan = Plan(settings, url or f"http://127.0.0.1:{settings.http_port}", target)
    console = Console(highlight=False)
    checks = run_all(plan.probes(), None if as_json else lambda check: show(check, console))
    failed = sum(check.state is State.FAIL for check in checks)
    if as_json:
        shown = {"healthy": not failed, "checks": [check.as_dict() for check in checks]}
        typer.echo(json.dumps(shown, indent=1, ensure_ascii=False))
    else:
        warned = sum(check.state is State.WARN for check in checks)
        console.print(f"\n{len(checks)} checks: {failed} failed, {warned} to look at")
    raise typer.Exit(1 if failed else 0)


def show(check: "Check", console: "Console") -> None:
    """Print a check and its remedy, if any."""
    from rich.markup import escape

    mark = f"[{COLOURS[check.state]}]{check.state:<4}[/]"
    console.print(f"{mark}  {check.name:<20}  {escape(check.found)}", soft_wrap=True)
    if check.remedy:
        console.print(f"      {'':<20}  -> {escape(check.remedy)}", soft_wrap=True)
