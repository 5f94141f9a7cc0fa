"""gRPC connections: clients that ping, that stay, that die, and that send metadata, by grpcio, tritonclient and Go."""

import contextlib
import os
import socket
import sqlite3
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from kit.server_process import ModelServer, model_server, wait_for
from kit.v2_requests import INFER, grpc_request, json_request
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

METADATA_BYTES = 16_384  # the default
MAX_CONNECTIONS, MAX_CALLS = 4, 3
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PING_ACK, PING_FRAME = 1, 6
TRITON_PYTHON = os.environ.get("CONFORMANCE_PYTHON", "")  # as the conformance kit takes it
DUAL = socket.has_dualstack_ipv6()
READY = grpc.ChannelConnectivity.READY


def pinging(every_ms: int, *, idle: bool = False) -> list[tuple[str, int]]:
    """Channel options of a client that pings."""
    return [
        ("grpc.keepalive_time_ms", every_ms),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", int(idle)),
        ("grpc.http2.max_pings_without_data", 0),
    ]


class Relay(threading.Thread):
    """One TCP connection led to a server; counts the HTTP/2 pings of its client."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.target = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.pings = 0

    def run(self) -> None:
        client, _ = self._listener.accept()
        server = socket.create_connection(("127.0.0.1", self._port))
        threading.Thread(target=self._carry, args=(server, client), daemon=True).start()
        self._carry(client, server, counting=True)

    def _carry(self, source: socket.socket, sink: socket.socket, *, counting: bool = False) -> None:
        seen = b""
        with contextlib.suppress(OSError):  # the other direction has closed them
            while chunk := source.recv(65_536):
                sink.sendall(chunk)
                if counting:
                    seen += chunk
                    self.pings = sum(
                        kind == PING_FRAME and not flags & PING_ACK for kind, flags in frames(seen[len(PREFACE) :])
                    )
        sink.close()
        source.close()


def frames(raw: bytes) -> list[tuple[int, int]]:
    """Kind and flags of the whole HTTP/2 frames in `raw`."""
    found, at = [], 0
    while len(raw) - at >= 9:
        size = int.from_bytes(raw[at : at + 3])
        if len(raw) - at - 9 < size:
            break
        found.append((raw[at + 3], raw[at + 4]))
        at += 9 + size
    return found


def test_clients_that_ping_stay(server: ModelServer):
    """Six pings within a call, and six on an idle connection: gRPC's own default ends both at the third."""
    relays = [Relay(server.grpc_port), Relay(server.grpc_port)]
    for relay in relays:
        relay.start()
    busy, idle = relays
    with (
        grpc.insecure_channel(busy.target, pinging(600)) as first,
        grpc.insecure_channel(idle.target, pinging(600, idle=True)) as second,
    ):
        states: list[Any] = []
        watch = HealthStub(first).Watch(health_pb2.HealthCheckRequest(), timeout=120)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        second.subscribe(states.append, try_to_connect=True)
        wait_for(lambda: min(busy.pings, idle.pings) >= 6, "six pings of each client", 60)
        assert watch.is_active() and states[-1] is READY and states.count(READY) == 1
        for channel in (first, second):
            answer = GRPCInferenceServiceStub(channel).ModelInfer(grpc_request(["a film"]), timeout=60)
            assert len(answer.outputs) == 3
        watch.cancel()


@pytest.fixture(scope="module")
def short_lived(serving: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """Connections that live a second, and peers that are pinged every second."""
    work = tmp_path_factory.mktemp("short_lived")
    times = {"GRPC_KEEPALIVE_SECONDS": "1", "GRPC_KEEPALIVE_TIMEOUT_SECONDS": "1", "REQUEST_HEAD_SECONDS": "1"}
    with model_server(
        serving,
        work,
        CONNECTION_AGE_SECONDS="1",
        CONNECTION_AGE_GRACE_SECONDS="2",
        GRPC_MAX_CONNECTIONS=str(MAX_CONNECTIONS),
        **times,
    ) as running:
        yield running


def test_a_connection_reaches_its_age_and_no_call_is_lost(short_lived: ModelServer):
    states: list[Any] = []
    with grpc.insecure_channel(short_lived.grpc_target) as channel:
        channel.subscribe(states.append, try_to_connect=True)
        stub, answered = GRPCInferenceServiceStub(channel), 0
        watch = HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=120)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        while states.count(READY) < 4:
            assert len(stub.ModelInfer(grpc_request(["a film"]), timeout=60).outputs) == 3
            answered += 1
            assert answered < 100_000, states
        with pytest.raises(grpc.RpcError) as ended:  # the call that outlives the age and the grace
            next(watch)
    assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
    assert answered > 4


@pytest.fixture(scope="module")
def stalled(serving: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """Room for few calls, and two seconds for a message."""
    work = tmp_path_factory.mktemp("stalled")
    few = {"GRPC_MAX_CALLS": str(MAX_CALLS), "REQUEST_BODY_SECONDS": "2"}
    with model_server(serving, work, HOST="::" if DUAL else "127.0.0.1", **few) as running:
        yield running


def _raw(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def _until_closed(wire: socket.socket) -> bytes:
    received = b""
    try:
        while chunk := wire.recv(65_536):
            received += chunk
    except ConnectionResetError:
        pass
    return received


def test_a_peer_that_answers_no_ping_and_one_that_never_speaks_are_let_go(short_lived: ModelServer):
    empty_settings = b"\0\0\0\4\0\0\0\0\0"
    with _raw(short_lived.grpc_port) as dead, _raw(short_lived.grpc_port) as mute:
        dead.sendall(PREFACE + empty_settings)
        kinds = [kind for kind, _ in frames(_until_closed(dead))]
        assert PING_FRAME in kinds
        _until_closed(mute)


def _check(channel: grpc.Channel, size: int) -> Any:
    """No deadline: its header is longer at some times than at others."""
    return HealthStub(channel).Check(health_pb2.HealthCheckRequest(), metadata=[("x", "a" * size)])


def _room(channel: grpc.Channel) -> int:
    """The longest value of an entry `x` that fits beside what else a call carries, by the server's own count."""
    size = METADATA_BYTES - 100
    with pytest.raises(grpc.RpcError) as refused:
        _check(channel, size)
    counted = int(refused.value.details().split("(")[1].split(" ")[0])
    return METADATA_BYTES - (counted - size)


def test_metadata_pass_up_to_the_bound_and_never_above_it(server: ModelServer):
    """Between 8 KiB and 16 KiB gRPC's own defaults refuse a share of the calls, at random."""
    with grpc.insecure_channel(server.grpc_target) as channel:
        room = _room(channel)
        outcomes: Counter[tuple[int, str]] = Counter()
        for size in [8192, 12_000, room, room + 1, METADATA_BYTES] * 20:
            try:
                _check(channel, size)
                outcomes[size, "OK"] += 1
            except grpc.RpcError as error:
                assert "metadata size exceeds" in error.details()
                outcomes[size, error.code().name] += 1
    assert outcomes == {
        (8192, "OK"): 20,
        (12_000, "OK"): 20,
        (room, "OK"): 20,
        (room + 1, "RESOURCE_EXHAUSTED"): 20,
        (METADATA_BYTES, "RESOURCE_EXHAUSTED"): 20,
    }


def _never(stop: threading.Event) -> Iterator[bytes]:
    """The messages of a client that sends its metadata and then nothing."""
    stop.wait(600)
    yield from ()


def test_a_message_that_does_not_arrive_is_given_up(stalled: ModelServer):
    """More calls than are allowed; afterwards the server answers as before."""
    stop = threading.Event()
    with grpc.insecure_channel(stalled.grpc_target) as channel:
        infer = channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")
        calls = [infer.future(_never(stop)) for _ in range(MAX_CALLS + 2)]
        codes = Counter(call.code().name for call in calls)  # waits for each
        assert codes == {"DEADLINE_EXCEEDED": MAX_CALLS, "RESOURCE_EXHAUSTED": 2}
        details = {call.details() for call in calls}
        assert details == {"the message did not arrive within 2 s; send it faster", "Concurrent RPC limit exceeded!"}
        with pytest.raises(grpc.RpcError) as empty:
            infer(iter([]), timeout=60)
        assert empty.value.code() is grpc.StatusCode.INVALID_ARGUMENT and "without a message" in empty.value.details()
        assert len(GRPCInferenceServiceStub(channel).ModelInfer(grpc_request(["a film"]), timeout=60).outputs) == 3
    stop.set()


def test_a_message_that_does_not_arrive_does_not_hold_a_stopping_server(serving: Path, tmp_path: Path):
    """Neither its own time nor the drain's, both longer than this test may take, is waited for."""
    stop = threading.Event()
    long = {"REQUEST_BODY_SECONDS": "3600", "DRAIN_SECONDS": "3600"}
    with model_server(serving, tmp_path, **long) as running, grpc.insecure_channel(running.grpc_target) as channel:
        upload = channel.stream_unary("/inference.GRPCInferenceService/ModelInfer").future(_never(stop))
        ready = GRPCInferenceServiceStub(channel).ModelInfer(grpc_request(["a film"]), timeout=60)  # behind the upload
        assert len(ready.outputs) == 3
        assert running.stop() == 0
        assert upload.code() is grpc.StatusCode.UNAVAILABLE and "stopping" in upload.details()
        stop.set()
    assert "Traceback" not in running.output


@pytest.mark.skipif(not DUAL, reason="this machine has no socket for IPv4 and IPv6")
def test_the_log_has_one_form_of_a_clients_address(stalled: ModelServer):
    for host in ("127.0.0.1", "[::1]"):
        with grpc.insecure_channel(f"{host}:{stalled.grpc_port}") as channel:
            GRPCInferenceServiceStub(channel).ModelInfer(grpc_request(["by gRPC"]), timeout=60)
        url = f"http://{host}:{stalled.http_port}{INFER}"
        assert httpx.post(url, json=json_request(["by REST"]), trust_env=False, timeout=60).status_code == 200
    wait_for(lambda: len(_clients(stalled)) == 4, "the rows")
    assert sorted(_clients(stalled)) == ["127.0.0.1", "127.0.0.1", "::1", "::1"]


def _clients(server: ModelServer) -> list[str]:
    with contextlib.closing(sqlite3.connect(server.database_url.removeprefix("sqlite:///"))) as database:
        return [row[0] for row in database.execute("SELECT client FROM predictions WHERE text LIKE 'by %'")]


TRITON = """
import sys
import numpy, tritonclient.grpc as triton
every = triton.KeepAliveOptions(keepalive_time_ms=600, keepalive_permit_without_calls=True, http2_max_pings_without_data=0)
client = triton.InferenceServerClient(sys.argv[1], keepalive_options=every)
print(client.is_server_live(), flush=True)
sys.stdin.readline()
text = triton.InferInput("text", [1], "BYTES")
text.set_data_from_numpy(numpy.array([b"a film"], dtype=object))
print(client.infer("sentiment", [text]).as_numpy("label")[0].decode())
"""


@pytest.mark.skipif(not TRITON_PYTHON, reason="CONFORMANCE_PYTHON names no interpreter with tritonclient")
def test_tritonclient_that_pings_stays(server: ModelServer):
    relay = Relay(server.grpc_port)
    relay.start()
    command = [TRITON_PYTHON, "-c", TRITON, relay.target]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as client:
        wait_for(lambda: relay.pings >= 6 or client.poll() is not None, "six pings")
        output, errors = client.communicate("\n", timeout=120)
    assert client.returncode == 0 and output.split()[0] == "True" and output.split()[1] in ("positive", "negative")
    assert "too_many_pings" not in errors, errors


def test_connections_are_bounded(short_lived: ModelServer):
    """One more is closed before the server sends anything; closing others makes room."""
    with contextlib.ExitStack() as stack:
        taken = 0
        while stack.enter_context(_raw(short_lived.grpc_port)).recv(9):
            taken += 1
            assert taken <= MAX_CONNECTIONS
    wait_for(lambda: _is_taken(short_lived.grpc_port), "room for another connection")


def _is_taken(port: int) -> bool:
    with _raw(port) as wire:
        return bool(wire.recv(9))
