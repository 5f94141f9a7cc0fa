"""`sentiment drift`: compare the logged traffic with a release's test data."""

from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, help="Compare the traffic with the release's test data.", pretty_exceptions_enable=False
)


@app.callback()
def _group() -> None:
    """Compare the traffic with the release's test data."""


@app.command()
def check(
    hours: Annotated[float | None, typer.Option(help="Length of the window.", show_default="24")] = None,
    release: Annotated[
        str | None, typer.Option(help="Id of the release, or the start of its id.", show_default="the champion")
    ] = None,
    end: Annotated[
        str | None,
        typer.Option(help="End of the window (ISO 8601, UTC unless it names an offset).", show_default="now"),
    ] = None,
    min_rows: Annotated[
        int | None, typer.Option(help="Smallest number of different texts for a verdict.", show_default="100")
    ] = None,
    alpha: Annotated[
        float | None, typer.Option(help="Highest probability of a false verdict `drift`.", show_default="0.05")
    ] = None,
    report_dir: Annotated[
        str | None, typer.Option(help="Folder or s3://bucket/prefix; `none` for no report.", show_default="var/reports")
    ] = None,
    evidently: Annotated[
        bool | None, typer.Option("--evidently/--no-evidently", help="Also draw Evidently's page.", show_default="on")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
    exit_zero: Annotated[
        bool,
        typer.Option(
            "--exit-zero",
            help="End with 0 whatever the verdict is, also when nothing is served yet; with 3 when a step after the "
            "verdict failed, and with 2 when no verdict was reached.",
        ),
    ] = False,
) -> None:
    """Decide whether the window's traffic has drifted from the release's reference.

    Ends with 0 stable, 10 warning, 20 drift, 30 not enough data, 2 when no verdict was reached, 3 when the verdict is
    stable but could not be recorded, or feedback could not be exported. Other settings are environment variables:
    DATABASE_URL, RELEASES_URI, MODEL_NAME, DRIFT_*.
    """
    # Imported here: `--help` needs neither numpy nor a database driver.
    from drift_cronjob.check import check as run_check
    from drift_cronjob.errors import NothingServed
    from drift_cronjob.outcome import INCOMPLETE
    from drift_cronjob.settings import DriftSettings
    from drift_cronjob.terminal import print_to_stderr, progress, show, to_json

    window = {"hours": hours, "end": end, "release": release}
    settings = DriftSettings.from_options(
        **window, min_rows=min_rows, alpha=alpha, report_dir=report_dir, evidently=evidently
    )
    try:
        with progress() as on_step:
            outcome = run_check(
                settings, on_step, lambda decision: print_to_stderr(f"verdict: {decision.verdict.value}")
            )
    except NothingServed as error:
        if not exit_zero:
            raise
        typer.echo(f"nothing to check: {error}")
        return
    if as_json:
        typer.echo(to_json(outcome))
    else:
        show(outcome)
    for problem in outcome.problems:
        print_to_stderr(f"not done: {problem}")
    raise typer.Exit((INCOMPLETE if outcome.incomplete else 0) if exit_zero else outcome.exit_code)


@app.command()
def monitor(
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="0.0.0.0")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.", show_default="8090")] = None,
) -> None:
    """Serve the last checks, releases and Jobs as metrics and JSON until stopped.

    Other settings are environment variables: DATABASE_URL, RELEASES_URI, MODEL_NAME, KUBE_NAMESPACE, MONITOR_*.
    """
    # Imported here, as above.
    from drift_cronjob.monitor.run import run
    from drift_cronjob.monitor.settings import MonitorSettings

    run(MonitorSettings.from_options(host=host, port=port))
