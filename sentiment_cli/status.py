"""`sentiment status`: print the graded health snapshot of a running server and its log."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from sentiment_cli.health.grading import Grade, Line

app = typer.Typer()


@app.command()
def status(
    url: Annotated[
        str | None, typer.Option(help=r"The server. \[http://127.0.0.1:HTTP_PORT]", show_default=False)
    ] = None,
    hours: Annotated[float, typer.Option(min=0.01, help="Length of the window that is read from the log.")] = 24.0,
    database_url: Annotated[
        str | None, typer.Option(help="The prediction log. [DATABASE_URL]", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show whether the model is loaded, its predictions, confidence and latency, and what needs attention.

    Green, yellow and red: average confidence over 80, 60 to 80, under 60 %; p95 latency under 100, 100 to 500, over
    500 ms; errors none, up to 1, over 1 %. Exits with 0 when the model is loaded and nothing is red, else with 1.
    """
    import json

    from rich.console import Console

    from sentiment_cli.health import grading
    from sentiment_cli.health.snapshot import grade, own_releases, view_log, view_server
    from sentiment_cli.settings import CliSettings

    settings = CliSettings.from_options(database_url=database_url)
    server = view_server(url or f"http://127.0.0.1:{settings.http_port}")
    releases = own_releases(settings.releases_uri, settings.model_name)
    lines = grade(server, view_log(settings.database_url, hours, releases), hours)
    overall = grading.worst(lines)
    if as_json:
        shown = {
            "overall": str(overall),
            "url": server.url,
            "release_id": server.release_id,
            "hours": hours,
            "lines": [line.as_dict() for line in lines],
            "alerts": grading.alerts(lines),
        }
        typer.echo(json.dumps(shown, indent=1))
    else:
        _show(lines, overall, Console(highlight=False))
    raise typer.Exit(1 if overall is grading.Grade.RED else 0)


def _show(lines: "list[Line]", overall: "Grade", console: "Console") -> None:
    from rich.markup import escape
    from rich.table import Table

    from sentiment_cli.health import grading

    colours = {"green": "green", "yellow": "yellow", "red": "bold red", "unknown": "dim"}
    table = Table(box=None, pad_edge=False, show_header=False)
    for line in lines:
        word = grading.WORDS[line.grade]
        table.add_row(line.name, f"[{colours[line.grade]}]{line.grade} ({word})[/]", escape(line.value))
    console.print(table)
    console.print(f"\noverall: [{colours[overall]}]{overall} ({grading.WORDS[overall]})[/]")
    for alert in grading.alerts(lines):
        console.print(f"- {escape(alert)}", soft_wrap=True)
