"""Messages of gRPC calls, received by an inbox in this process: times, places, and memory."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from model_server.grpc_inbox import Inbox
from model_server.server import Server, open_log
from model_server.settings import ServerSettings


class Stalled:
    """The context of a call whose message does not arrive."""

    async def read(self) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


def test_a_server_stops_while_a_message_times_out():
    """The server may be told to stop in the same turn of the event loop in which a time-out expires."""

    async def run() -> list[str]:
        inbox, turns = Inbox(ServerSettings(request_body_seconds=0.05)), []
        receiving = asyncio.create_task(inbox.receive(Stalled()))
        await asyncio.sleep(0)
        (timer,) = inbox._timers
        when = timer.when()
        assert when is not None

        def stop() -> None:
            turns.append("expiring" if timer.expired() else "running")
            inbox.stop()
            turns.append("stopped")

        asyncio.get_running_loop().call_at(when + 1e-9, stop)
        with pytest.raises(Exception, match=r"the message did not arrive|the server is stopping"):
            await receiving
        return turns

    assert asyncio.run(run()) == ["expiring", "stopped"]


class Standing:
    """What the drain stops, each of which notes it."""

    def __init__(self, done: list[str]) -> None:
        self.done, self.should_exit = done, False

    async def stop(self, grace: float) -> None:
        self.done.append("gRPC")
        raise ValueError("gRPC did not stop")

    async def serve(self) -> None:
        while not self.should_exit:
            await asyncio.sleep(0)
        self.done.append("HTTP")


def test_a_step_of_the_drain_that_fails_spares_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    settings = ServerSettings(database_url=f"sqlite:///{tmp_path}/log.db", spill_dir=tmp_path / "spill")
    done: list[str] = []

    def fail() -> None:
        raise RuntimeError("a fault of the inbox")

    writer = open_log(settings)
    writer.start()

    async def run() -> None:
        server = Server(settings, writer)
        close = writer.close
        monkeypatch.setattr(server._inbox, "stop", fail)
        monkeypatch.setattr(writer, "close", lambda timeout: (done.append("log"), close(timeout)))
        standing: Any = Standing(done)
        await server._drain(standing, asyncio.create_task(standing.serve()), standing, loaded=False)

    with pytest.raises(ValueError, match="gRPC did not stop"):
        asyncio.run(run())
    assert sorted(done[:2]) == ["HTTP", "gRPC"] and done[2:] == ["log"]
