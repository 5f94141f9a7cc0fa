"""Messages of gRPC calls, received by an inbox in this process: times, places, and memory."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub
from kit.v2_requests import grpc_request
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from model_server.errors import Unavailable
from model_server.lifecycle.phase import Phase
from model_server.lifecycle.state import ServerState
from model_server.rpc.inbox import Inbox
from model_server.rpc.servicer import make_grpc_server
from model_server.server import Server, open_log
from model_server.settings import ServerSettings


class Stalled:
    """The context of a call whose message does not arrive."""

    def __init__(self) -> None:
        self.reading = asyncio.Event()

    async def read(self) -> bytes:
        self.reading.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


def test_a_server_stops_while_a_message_times_out():
    """The server may be stopped in the same turn of the event loop in which a time-out expires."""

    async def run() -> list[str]:
        inbox, turns = Inbox(ServerSettings(request_body_seconds=0.05)), []
        receiving = asyncio.create_task(inbox.receive(Stalled(), inbox.uploads))
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
    """Tasks that the drain stops; each records it."""

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


class Held:
    """A service whose answers wait until it is released."""

    scorer = SimpleNamespace(release_id="0" * 16)

    def __init__(self) -> None:
        self.asked, self.free = 0, asyncio.Event()

    async def predict(self, texts: list[str], asked: Any) -> list[Any]:
        self.asked += 1
        await self.free.wait()
        raise ValueError("released")


class Running:
    """A gRPC server in this process, and clients of it with a connection each."""

    def __init__(self, state: ServerState, inbox: Inbox, port: int) -> None:
        self.state, self.inbox, self.service, self._port = state, inbox, Held(), port
        state.set_phase(Phase.READY)
        state.service = lambda *_: self.service  # type: ignore[method-assign, assignment, return-value]

    def client(self) -> Any:
        own = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
        return grpc.aio.insecure_channel(f"127.0.0.1:{self._port}", options=own)

    def answered(self, code: str) -> int:
        return int(self.state.metrics.responses.labels("v2-grpc", code)._value.get())


@pytest.fixture
def served(tmp_path: Path) -> Callable[..., None]:
    """Run a test's coroutine against a server of these settings."""

    def run(test: Callable[[Running], Awaitable[None]], **settings: Any) -> None:
        made = ServerSettings(database_url=f"sqlite:///{tmp_path}/log.db", spill_dir=tmp_path / "spill", **settings)
        log = open_log(made)

        async def main() -> None:
            state, inbox = ServerState(made, log), Inbox(made)
            server = make_grpc_server(state, None, inbox)  # type: ignore[arg-type]
            port = server.add_insecure_port("127.0.0.1:0")
            await server.start()
            try:
                await asyncio.wait_for(test(Running(state, inbox, port)), 100)
            finally:
                await server.stop(0)

        asyncio.run(main())

    return run


async def until(happened: Callable[[], bool]) -> None:
    """Wait until something is so; the test's own limit ends a wait that is too long."""
    while not happened():
        await asyncio.sleep(0.01)


async def code_of(call: Any) -> str:
    """The code that a call ends with."""
    return str((await call.code()).name)


INFER = "/inference.GRPCInferenceService/ModelInfer"
CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"


def test_one_client_does_not_take_all_calls(served: Callable[..., None]):
    """By default one connection may have a tenth of the calls; each that sends no message ends after some seconds."""

    async def run(running: Running) -> None:
        async with running.client() as bad, running.client() as good:
            calls = [bad.stream_unary(CHECK)() for _ in range(1000)]
            stalled = running.inbox.questions.places
            await until(stalled.locked)
            assert (await GRPCInferenceServiceStub(good).ServerLive(pb.ServerLiveRequest())).live
            assert (await GRPCInferenceServiceStub(good).ServerReady(pb.ServerReadyRequest())).ready
            assert await code_of(calls[0]) in ("DEADLINE_EXCEEDED", "UNAVAILABLE")  # given a place or not
            for call in calls:
                call.cancel()

    served(run)


def test_watches_and_reflection_leave_calls_to_others(served: Callable[..., None]):
    async def run(running: Running) -> None:
        async with running.client() as bad, running.client() as good:
            watches = [HealthStub(bad).Watch(health_pb2.HealthCheckRequest()) for _ in range(2)]
            for watch in watches:
                assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            for method in (WATCH, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"):
                assert await code_of(bad.stream_stream(method)(iter([b""]))) == "RESOURCE_EXHAUSTED"
            assert (await HealthStub(good).Check(health_pb2.HealthCheckRequest())).status == 1
            watches[0].cancel()
            stub = ServerReflectionStub(good)

            async def listed() -> bool:
                call = stub.ServerReflectionInfo(iter([ServerReflectionRequest(list_services="")]))
                answers = [answer async for answer in call]
                return len(answers[0].list_services_response.service) == 3

            async def freed() -> bool:
                try:
                    return await listed()
                except grpc.RpcError as error:
                    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                    return False

            while not await freed():
                await asyncio.sleep(0.01)

    served(run, grpc_max_calls=20)


def test_reflection_that_sends_nothing_ends(served: Callable[..., None]):
    async def run(running: Running) -> None:
        async with running.client() as client:
            call = client.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")()
            assert await code_of(call) == "DEADLINE_EXCEEDED"

    served(run, request_body_seconds=1)


def test_messages_of_calls_that_wait_have_a_bound_of_memory(served: Callable[..., None]):
    """Messages up to the bound wait for their answer; above it calls are refused as REST's bodies are."""

    async def run(running: Running) -> None:
        async with running.client() as client:
            stub = GRPCInferenceServiceStub(client)
            large = grpc_request(["a" * 900_000])
            waiting = [stub.ModelInfer(large) for _ in range(7)]  # an eighth is kept for small ones
            await until(lambda: running.service.asked == 7)
            refused = stub.ModelInfer(large)
            assert await code_of(refused) == "UNAVAILABLE" and "fill the memory" in await refused.details()
            assert ("retry-after", "1") in tuple(await refused.trailing_metadata())
            assert running.answered("UNAVAILABLE") == 1
            small = stub.ModelInfer(grpc_request(["a film"]))
            await until(lambda: running.service.asked == 8)
            waiting[0].cancel()
            running.service.free.set()
            assert Counter([await code_of(call) for call in (*waiting, small)]) == {"CANCELLED": 1, "INTERNAL": 7}
            await until(lambda: running.inbox.memory.used == 0)

    served(run, max_body_bytes=1_000_000)


def test_short_calls_do_not_wait_behind_uploads(served: Callable[..., None]):
    async def run(running: Running) -> None:
        async with running.client() as client:
            stub = GRPCInferenceServiceStub(client)
            upload = client.stream_unary(INFER)()
            await until(running.inbox.uploads.places.locked)
            assert (await stub.ServerLive(pb.ServerLiveRequest(), timeout=20)).live
            assert (await stub.ServerReady(pb.ServerReadyRequest(), timeout=20)).ready
            assert (await stub.ServerMetadata(pb.ServerMetadataRequest(), timeout=20)).name
            assert (await stub.ModelReady(pb.ModelReadyRequest(name="sentiment"), timeout=20)).ready
            assert (await HealthStub(client).Check(health_pb2.HealthCheckRequest(), timeout=20)).status == 1
            assert not upload.done()
            upload.cancel()
            await until(lambda: running.answered("CANCELLED") == 1)

    served(run, grpc_max_uploads=1, request_body_seconds=3600)


def test_a_call_that_finds_no_place_gets_a_retry_hint():
    """Its client has sent its message, and is not asked to send it faster."""

    async def run() -> None:
        inbox = Inbox(ServerSettings(request_body_seconds=0.05, grpc_max_uploads=1))
        await inbox.uploads.places.acquire()
        with pytest.raises(Unavailable, match="other calls are still arriving; send it again later") as refused:
            await inbox.receive(Stalled(), inbox.uploads)
        assert refused.value.retry_after == 1

    asyncio.run(run())


def test_a_messages_clock_starts_with_its_place():
    async def run() -> None:
        inbox = Inbox(ServerSettings(request_body_seconds=3600, grpc_max_uploads=1))
        await inbox.uploads.places.acquire()
        context = Stalled()
        receiving = asyncio.create_task(inbox.receive(context, inbox.uploads))
        await asyncio.sleep(0.01)
        (timer,) = inbox._timers
        before = timer.when()
        inbox.uploads.places.release()
        await context.reading.wait()
        assert before is not None and (timer.when() or 0) > before
        receiving.cancel()

    asyncio.run(run())


def test_calls_that_end_before_their_message_is_read_are_counted(served: Callable[..., None]):
    async def run(running: Running) -> None:
        async with running.client() as client:
            assert await code_of(client.unary_unary(INFER)(b"\xff")) == "INVALID_ARGUMENT"
            assert await code_of(client.stream_unary(INFER)()) == "DEADLINE_EXCEEDED"
            assert await code_of(client.stream_unary(INFER)(iter([]))) == "INVALID_ARGUMENT"
        assert running.answered("INVALID_ARGUMENT") == 2 and running.answered("DEADLINE_EXCEEDED") == 1
        assert running.inbox.memory.used == 0

    served(run, request_body_seconds=1)
