"""One server that `http_parsers.py` measures: uvicorn's, with a protocol class, an event loop and a trivial app.

PORT=8000 python benchmarks/serving/parser_app.py ours uvloop
"""

import asyncio
import json
import os
import sys
from typing import Any

import uvicorn
import uvloop

from sentiment_common.http.limits import HttpLimits
from sentiment_common.http.server import HttpServer, listen

PARSERS = ("h11", "httptools", "ours")
LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Read the body, and report its size and the value of X-Probe."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    probe = dict(scope["headers"]).get(b"x-probe", b"")
    answer = json.dumps({"bytes": size, "probe": probe.decode("latin-1")}).encode()
    fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": answer})


def make(parser: str) -> uvicorn.Server:
    """The server with one of `PARSERS`; uvicorn's own classes get the settings that `HttpServer` has."""
    if parser == "ours":
        return HttpServer(app, HttpLimits(), drain_seconds=1, lifespan="off")
    config = uvicorn.Config(
        app,
        http=parser,
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(config)


if __name__ == "__main__":
    _, parser, loop = sys.argv
    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(make(parser).serve([listen("127.0.0.1", int(os.environ["PORT"]))]))
