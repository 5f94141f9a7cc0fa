"""`sentiment`: one command in front of the programs. Each program is imported only when its command is called."""

from functools import partial
from typing import Annotated, ClassVar

import typer
from rich.console import Console

from sentiment_cli.lazy import LazyCommand, LazyGroup

_LOOP, _RUN, _WATCH = "Start here", "Train and release", "Serve and watch"

_IN_CLUSTER = {"--cluster": "sentiment_cli.cluster.app"}

COMMANDS = {
    "demo": LazyCommand(
        "sentiment_cli.demo.command",
        "demo",
        "Run the whole loop here: train, release, serve, log, watch.",
        "serve,train,minilm,drift",
        _LOOP,
    ),
    "doctor": LazyCommand(
        "sentiment_cli.doctor",
        "doctor",
        "Check this system; print each problem with its remedy.",
        "serve",
        _LOOP,
        _IN_CLUSTER,
    ),
    "train": LazyCommand(
        "training_job.cli", "train", "Train a model and publish it as a release.", "train", _RUN, _IN_CLUSTER
    ),
    "search": LazyCommand("training_job.cli", "search", "Search for good training settings.", "train", _RUN),
    "publish": LazyCommand(
        "training_job.cli", "publish", "Publish a release that a training kept.", "train", _RUN, _IN_CLUSTER
    ),
    "promote": LazyCommand("training_job.cli", "promote", "Make a release the champion.", "train", _RUN, _IN_CLUSTER),
    "rollback": LazyCommand(
        "training_job.cli", "rollback", "Make the previous champion the champion again.", "train", _RUN, _IN_CLUSTER
    ),
    "releases": LazyCommand("sentiment_cli.releases", "releases", "List the releases.", "serve", _RUN),
    "serve": LazyCommand("sentiment_cli.serve", "serve", "Serve the champion by REST and gRPC.", "serve", _WATCH),
    "status": LazyCommand(
        "sentiment_cli.status", "status", "Health of a running server and its log, graded.", "serve", _WATCH
    ),
    "drift": LazyCommand(
        "drift_cronjob.cli", None, "Compare the traffic with the release's test data.", "drift", _WATCH
    ),
}


class SentimentGroup(LazyGroup):
    table: ClassVar[dict[str, LazyCommand]] = COMMANDS


app = typer.Typer(name="sentiment", cls=SentimentGroup, no_args_is_help=True, rich_markup_mode="rich")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            text = version("sentiment-pipeline")
        except PackageNotFoundError:
            text = "not installed as a distribution"
        Console(highlight=False).print(f"sentiment-pipeline {text}")
        raise typer.Exit


@app.callback()
def sentiment(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Train, release, serve, log and watch a sentiment model. `sentiment COMMAND --help` describes a command; train,
    promote, rollback and doctor with `--cluster` work in the cluster of your kubeconfig."""


def _reraise(error: Exception) -> None:
    raise error


def main() -> None:
    """Run the console script."""
    try:
        app(prog_name="sentiment")
    except Exception as error:  # imported late: a mere `--help` needs no pydantic
        from sentiment_common.console import run

        run(partial(_reraise, error))
