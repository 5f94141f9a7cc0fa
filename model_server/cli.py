"""`python -m model_server`: the flags that KServe's controller gives a predictor, and further ones."""

import logging
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


def one_process(workers: int) -> None:
    """Refuse several workers.

    Raises:
        StartError: `workers` is not 1.
    """
    from model_server.errors import StartError

    if workers != 1:
        raise StartError(
            f"--workers is {workers} and a server is one process, which the engine's threads fill: "
            "leave it out, and give more processors (--engine_threads) or start more replicas"
        )


@app.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
def main(
    context: typer.Context,
    model_name: Annotated[str | None, typer.Option("--model_name", help="name in the protocols")] = None,
    model_dir: Annotated[Path | None, typer.Option("--model_dir", help="the release, or its serving/ folder")] = None,
    release_id: Annotated[str | None, typer.Option("--release_id", help="the id that it must have")] = None,
    variant: Annotated[str | None, typer.Option("--variant", help="in place of the default one")] = None,
    host: Annotated[str | None, typer.Option("--host")] = None,
    http_port: Annotated[int | None, typer.Option("--http_port", help="REST (8080)")] = None,
    grpc_port: Annotated[int | None, typer.Option("--grpc_port", help="gRPC (8081)")] = None,
    engine_threads: Annotated[int | None, typer.Option("--engine_threads", help="0: the CPU quota")] = None,
    workers: Annotated[int, typer.Option("--workers", help="1, as a server is one process")] = 1,
) -> None:
    """Serve one model release by KServe's V2 protocol, REST and gRPC.

    Every setting is an environment variable too; `model_server/settings.py` lists them. Other flags that KServe's
    controller may give are accepted and change nothing.
    """
    from model_server.console_log import set_up
    from model_server.server import serve
    from model_server.settings import ServerSettings

    one_process(workers)
    settings = ServerSettings.from_options(
        model_name=model_name,
        model_dir=model_dir,
        release_id=release_id,
        variant=variant,
        host=host,
        http_port=http_port,
        grpc_port=grpc_port,
        engine_threads=engine_threads,
    )
    set_up(settings.log_format)

    if context.args:
        logging.getLogger("model_server").warning("ignored: %s", " ".join(context.args))
    serve(settings)
