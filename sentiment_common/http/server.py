"""Listening, and uvicorn's server with our connections."""

import asyncio
import contextlib
import dataclasses
import functools
import socket
import ssl
from collections.abc import Callable, Collection, Iterator
from typing import Any, Literal

import uvicorn

from sentiment_common.errors import UserError
from sentiment_common.http.connection import Connection
from sentiment_common.http.door import Door
from sentiment_common.http.limits import HttpLimits
from sentiment_common.http.listener import Listener, report
from sentiment_common.open_files import fit_connections

BACKLOG = 2048


class PortUnavailable(UserError):
    """The port is taken or not permitted, or the host is not an address of this machine."""


def listen(host: str, port: int, setting: str = "port", remedy: str = "choose another") -> socket.socket:
    """Open a listening socket.

    Args:
        setting: the name of the port's setting, for the error.
        remedy: the end of the error's message.

    Raises:
        PortUnavailable: the socket cannot listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio turns Nagle's algorithm off only for a socket declared as TCP.
    listener = Listener(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise PortUnavailable(
            f"{setting} {port} of {host} cannot be listened on ({error.strerror}); {remedy}"
        ) from None
    return listener


class HttpServer(uvicorn.Server):
    """Uvicorn's server with our protocol class."""

    def __init__(
        self,
        app: Any,
        limits: HttpLimits,
        *,
        drain_seconds: float,
        lifespan: Literal["auto", "on", "off"] = "auto",
        tls: ssl.SSLContext | None = None,
        signals: bool = True,
        on_refusal: Callable[[int], None] = lambda _: None,
        origins: Collection[str] = (),
    ) -> None:
        """
        Args:
            signals: whether SIGTERM and SIGINT are uvicorn's.
            on_refusal: receives the status of each answer that comes from the HTTP layer.
            origins: origins whose pages may read those answers (CORS).
        """
        connections = fit_connections(max_connections=limits.connections)["max_connections"]
        self.door = Door(dataclasses.replace(limits, connections=connections), on_refusal, origins)
        self._signals = signals
        config = uvicorn.Config(
            app,
            http=functools.partial(_connect, self.door),  # type: ignore[arg-type]  # uvicorn calls its argument
            ws="none",
            log_config=None,
            access_log=False,
            lifespan=lifespan,
            server_header=False,
            timeout_graceful_shutdown=int(drain_seconds) or 1,
        )
        config.load()
        if tls is not None:
            config.ssl = tls
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().set_exception_handler(report)
        await super().startup(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        if not self._signals:
            yield
            return
        with super().capture_signals():
            yield


def _connect(
    door: Door, config: uvicorn.Config, server_state: Any, app_state: dict[str, Any], _loop: Any
) -> Connection:
    return Connection(door, config, server_state, app_state, _loop or asyncio.get_running_loop())
