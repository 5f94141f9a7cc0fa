"""`sentiment train|publish|promote|rollback|doctor --cluster`: the same commands, run by Jobs of the cluster."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sentiment_cli.cluster.api import Installation

app = typer.Typer(pretty_exceptions_enable=False)
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace", "-n", help="Namespace of the chart's release (NAMESPACE; sentiment).", show_default=False
    ),
]
Release = Annotated[str, typer.Option("--release-name", help="Name of the chart's release.")]
Cluster = Annotated[bool, typer.Option("--cluster", help="In the cluster of the kubeconfig.")]


def _installation(namespace: str | None, release: str) -> "Installation":
    from sentiment_cli.cluster.api import Installation, fullname_of
    from sentiment_cli.settings import ClusterSettings

    settings = ClusterSettings(namespace=namespace) if namespace else ClusterSettings()
    return Installation(settings.namespace, fullname_of(release))


def _run(component: str, arguments: list[str], namespace: str | None, release: str, **environment: str) -> None:
    from rich.console import Console

    from sentiment_cli.cluster.api import connect
    from sentiment_cli.cluster.jobs import ClusterJob

    installation = _installation(namespace, release)
    connect()
    console = Console(highlight=False, soft_wrap=True)
    job = ClusterJob(installation, component)
    job.start(arguments, environment)
    console.print(f"job {job.name} in {installation.namespace}", style="dim")
    code = job.follow(console.out)
    if code:
        raise typer.Exit(code)


@app.command()
def train(
    train: Annotated[
        str | None, typer.Option("--train", help="s3://… or hub:NAME; overrides the chart's training.data.train.")
    ] = None,
    mode: Annotated[str | None, typer.Option(help="quick, optimized or full; overrides the chart's mode.")] = None,
    namespace: Namespace = None,
    release_name: Release = "sentiment",
    cluster: Cluster = True,
) -> None:
    """Train in a Job of the chart's suspended CronJob, and follow its log. Ctrl-C leaves the Job running."""
    given = {"TRAIN_DATA": train, "TRAIN_MODE": mode}
    environment = {name: value for name, value in given.items() if value}
    _run("training", [], namespace, release_name, **environment)


@app.command()
def publish(
    folder: Annotated[
        str, typer.Argument(help="Folder on the trainings' volume, from the training's last line.", metavar="FOLDER")
    ],
    namespace: Namespace = None,
    release_name: Release = "sentiment",
    cluster: Cluster = True,
) -> None:
    """Publish a finished release that a training in the cluster kept because the store refused it."""
    _run("training", ["publish", folder], namespace, release_name)


@app.command()
def promote(
    release_id: Annotated[str, typer.Argument(help="Id of the release, or its beginning.", metavar="ID")],
    namespace: Namespace = None,
    release_name: Release = "sentiment",
    cluster: Cluster = True,
) -> None:
    """Serve a release: it becomes the champion once its pods are ready; otherwise the old release is restored."""
    import getpass

    _run("promotion", ["promote", release_id], namespace, release_name, PROMOTED_BY=getpass.getuser())


@app.command()
def rollback(namespace: Namespace = None, release_name: Release = "sentiment", cluster: Cluster = True) -> None:
    """Serve the previous champion again."""
    import getpass

    _run("promotion", ["rollback"], namespace, release_name, PROMOTED_BY=getpass.getuser())


@app.command()
def doctor(
    namespace: Namespace = None,
    release_name: Release = "sentiment",
    cluster: Cluster = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check a namespace: KServe, pods, volumes, Jobs, the served release. Exits with 1 when a check failed."""
    import json

    from rich.console import Console

    from sentiment_cli.checks.check import State
    from sentiment_cli.cluster.api import connect
    from sentiment_cli.cluster.examination import examine
    from sentiment_cli.doctor import show

    installation = _installation(namespace, release_name)
    connect()
    checks = examine(installation)
    failed = sum(check.state is State.FAIL for check in checks)
    if as_json:
        typer.echo(json.dumps({"healthy": not failed, "checks": [check.as_dict() for check in checks]}, indent=1))
    else:
        console = Console(highlight=False)
        for check in checks:
            show(check, console)
        console.print(f"\n{len(checks)} checks: {failed} failed")
    raise typer.Exit(1 if failed else 0)
