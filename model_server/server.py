"""The process: bind, load, serve both transports on one event loop, and stop without losing anything."""

import asyncio
import logging
import os
import signal
import socket
import time
from contextlib import AsyncExitStack
from typing import Any

from model_server.errors import StartError
from model_server.lifecycle.background import Interrupted
from model_server.lifecycle.phase import Phase
from model_server.lifecycle.state import ServerState
from model_server.lifecycle.switch import ReleaseSwitch
from model_server.rest.app import make_api, make_app
from model_server.rpc.inbox import Inbox
from model_server.rpc.servicer import make_grpc_server
from model_server.settings import ServerSettings
from model_server.tls import Certificate
from model_server.tracing.configure import make_tracing
from prediction_log import LogError, LogWriter, upgrade
from sentiment_common.http.limits import HttpLimits
from sentiment_common.http.server import HttpServer, PortUnavailable, listen
from sentiment_common.open_files import fit_connections

log = logging.getLogger("model_server")
LINGER_SECONDS = 1.0  # for connected clients to send their next request, whose answer closes the connection
LOG_FLUSH_SECONDS = 10.0


def _bind(host: str, port: int, name: str) -> socket.socket:
    return listen(host, port, name, f"end what uses it, or set another {name.upper()} or HOST")


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def open_log(settings: ServerSettings) -> LogWriter:
    """Open the log's writer for the settings' database; an SQLite file gets its tables here, Postgres by migrations.

    Raises:
        StartError: DATABASE_URL is not the address of a database, or SPILL_URI not that of a store.
    """
    try:
        if settings.database_url.startswith("sqlite"):
            upgrade(settings.database_url)
    except LogError as error:
        log.warning("prediction log: %s; rows that it does not accept go to %s", error, settings.spill_dir)
    try:
        return LogWriter(settings.database_url, settings.spill_dir, spill_uri=settings.spill_uri)
    except LogError as error:
        raise StartError(str(error)) from None


class Server:
    """One server process; `run` returns once it has stopped."""

    def __init__(self, settings: ServerSettings, writer: LogWriter) -> None:
        fitting = fit_connections(
            max_connections=settings.max_connections, grpc_max_connections=settings.grpc_max_connections
        )
        self._settings = settings = settings.model_copy(update=fitting)
        self._writer = writer
        self._state = ServerState(settings, writer)
        self._switch = ReleaseSwitch(settings, self._state)
        self._inbox = Inbox(settings)
        self._stop = asyncio.Event()
        self.left_behind = False  # a thread that loads a release still runs, and may never end
        chain, key = settings.tls_cert_file, settings.tls_key_file
        self._certificate = Certificate(chain, key) if chain and key else None
        self._tracing = make_tracing()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then close the log's writer.

        Raises:
            StartError, PortUnavailable, ReleaseError: the server cannot start; nothing is left running.
        """
        settings, started = self._settings, time.perf_counter()
        listener = _bind(settings.host, settings.http_port, "http_port")
        grpc_server = make_grpc_server(self._state, self._switch, self._inbox, self._tracing.interceptors())
        try:
            # gRPC's own refusal gives no reason, and writes a line to standard error.
            _bind(settings.host, settings.grpc_port, "grpc_port").close()
            address = _address(settings.host, settings.grpc_port)
            if self._certificate:
                grpc_server.add_secure_port(address, self._certificate.credentials())
            else:
                grpc_server.add_insecure_port(address)
        except RuntimeError:
            listener.close()
            raise StartError(
                f"grpc_port {settings.grpc_port} is used by another process; choose another --grpc_port"
            ) from None
        except PortUnavailable:
            listener.close()
            raise
        self._writer.start()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop_now)
        await grpc_server.start()
        rest = self._rest()
        serving = asyncio.create_task(rest.serve([listener]))
        watching = asyncio.create_task(self._certificate.watch()) if self._certificate else None
        loaded = False
        try:
            await self._load(started)
            loaded = True
            await self._stop.wait()
        except Interrupted:
            log.info("stopping: the release was not loaded yet; the part that was read is discarded")
        finally:
            await self._drain(rest, serving, grpc_server, loaded=loaded)
            if watching:
                watching.cancel()

    def _stop_now(self) -> None:
        self._stop.set()
        self._switch.stop()

    def _rest(self) -> HttpServer:
        api = make_api(self._state, self._switch)
        app = make_app(api, self._state)
        return HttpServer(
            self._tracing.rest(app, api.routes),
            HttpLimits.of(self._settings),
            drain_seconds=self._settings.drain_seconds,
            lifespan="off",
            tls=self._certificate.context if self._certificate else None,
            signals=False,  # stopping is this module's own
            on_refusal=self._state.metrics.http_refused,
            origins=self._settings.cors_origins,
        )

    async def _load(self, started: float) -> None:
        """Load on another thread, with the probes answering meanwhile."""
        loaded, settings = await self._switch.start(), self._settings
        log.info(
            "ready in %.1f s: release %s (%s), golden difference %.4f, REST on %s:%d, gRPC on %s:%d",
            time.perf_counter() - started,
            loaded.scorer.release_id,
            loaded.variant,
            loaded.difference,
            settings.host,
            settings.http_port,
            settings.host,
            settings.grpc_port,
        )

    async def _drain(self, rest: HttpServer, serving: "asyncio.Task[None]", grpc_server: Any, *, loaded: bool) -> None:
        """End readiness, wait for load balancers, close the ports, answer accepted requests, flush the log."""
        state, settings = self._state, self._settings
        state.set_phase(Phase.DRAINING)
        if loaded:
            log.info("stopping: readiness is off")
            await asyncio.sleep(settings.shutdown_delay_seconds)
        state.closing = True
        for listening in getattr(rest, "servers", []):
            listening.close()
        # A connection that is closed while its client sends would lose that request. So the next answer of a REST
        # connection asks its client to close, and new gRPC calls end as UNAVAILABLE: a call that gRPC itself refuses
        # while it stops ends as CANCELLED (github.com/grpc/grpc/issues/41785), which no client retries.
        if loaded:
            await asyncio.sleep(LINGER_SECONDS)
        rest.should_exit = True
        async with AsyncExitStack() as steps:  # the last is done first, and each even if another raises
            steps.push_async_callback(self._close_log)
            steps.push_async_callback(self._close_switch)
            steps.push_async_callback(_finished, serving)
            steps.push_async_callback(_finished, asyncio.create_task(grpc_server.stop(settings.drain_seconds)))
            steps.callback(self._inbox.stop)

    async def _close_switch(self) -> None:
        self.left_behind = await self._switch.close()

    async def _close_log(self) -> None:
        await asyncio.to_thread(self._writer.close, LOG_FLUSH_SECONDS)
        await asyncio.to_thread(self._tracing.close)
        stats = self._writer.stats()
        log.info("stopped: %d rows written, %d in the journal, %d lost", stats.written, stats.journal_rows, stats.lost)


async def _finished(task: "asyncio.Task[None]") -> None:
    await task


def serve(settings: ServerSettings) -> None:
    """Run a server in this process until it is stopped.

    Raises:
        StartError, PortUnavailable, ReleaseError: the server cannot start.
    """
    # Its threads help with many texts at once. Here the batches are small, and the engine needs the cores.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    writer = open_log(settings)

    async def main() -> bool:
        server = Server(settings, writer)
        await server.run()
        return server.left_behind

    if asyncio.run(main()):
        logging.shutdown()
        os._exit(0)  # the interpreter's own end would tear down modules that the thread still uses
