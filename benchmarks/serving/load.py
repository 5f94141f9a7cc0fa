"""The load generator: one process, one epoll loop over raw sockets, nothing but the standard library.

    python benchmarks/serving/load.py < plan.json > outcome.json

It shares the machine's cores with the server, so a request costs it some tens of microseconds and no thread. It
reports the share of a core that it took, and in the open loop how late it sent. Closed loop: each connection sends
its next request when it has its answer. Open loop: requests come at random times (Poisson) whatever the server does;
latency counts from the time at which a request was to be sent, so a server that stalls cannot hide it. Probes are a
kubelet's: a new connection each.
"""

import json
import random
import resource
import selectors
import socket
import sys
import time
from collections import deque
from dataclasses import dataclass
from typing import Any

GONE, TIMED_OUT, NO_ROOM = 0, -1, -2  # in place of an HTTP status
READ_BYTES = 1 << 16
IDLE_SECONDS = 0.05
RETRY_SECONDS = 0.05


@dataclass
class Plan:
    """Plan of a run; times in seconds.

    Attributes:
        bodies: bodies of POST requests to `path`, sent in this order, again from the first when they are used up.
        expect: text that the body of every right answer contains.
        clients: connections of the closed loop; 0 for the open loop.
        rate: requests a second of the open loop.
        warm: how long the load runs before anything counts.
        timeout: after which a request counts as failed.
        probe_every: pause between probes of `probe_path`; 0 for none.
        connections: of the open loop, at most.
    """

    port: int
    path: str
    bodies: list[str]
    expect: str
    seconds: float
    clients: int = 0
    rate: float = 0.0
    warm: float = 0.0
    timeout: float = 60.0
    probe_path: str = "/v2/health/ready"
    probe_every: float = 0.0
    connections: int = 2000
    seed: int = 0


def post_requests(port: int, path: str, bodies: list[str]) -> list[bytes]:
    """The HTTP requests of these JSON bodies."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: "
    encoded = [body.encode() for body in bodies]
    return [f"{head}{len(body)}\r\n\r\n".encode() + body for body in encoded]


def read_answer(inbox: bytearray, ended: bool) -> tuple[int, bytes, bool] | None:
    """Status and body of an HTTP answer that is complete, and whether its connection closes with it; else None.

    The status is GONE where the connection ended early.
    """
    head_end = inbox.find(b"\r\n\r\n")
    if head_end < 0:
        return (GONE, b"", True) if ended else None
    head = bytes(inbox[:head_end]).lower()
    status, closing = int(head[9:12]), ended or b"connection: close" in head
    at = head.find(b"content-length:")
    if at < 0:
        return (status, bytes(inbox[head_end + 4 :]), closing) if ended else None
    size = int(head[at + 15 :].split(b"\r\n", 1)[0])
    if len(inbox) < head_end + 4 + size:
        return (GONE, b"", True) if ended else None
    return status, bytes(inbox[head_end + 4 : head_end + 4 + size]), closing


def receive(connection: socket.socket) -> tuple[int, bytes, float]:
    """Return status, body and time of arrival of the next answer on a blocking socket.

    A reset counts as the connection's end: a server that refuses a request early may cause one after its answer.
    """
    inbox, answer = bytearray(), None
    while answer is None:
        try:
            chunk = connection.recv(READ_BYTES)
        except ConnectionError:
            chunk = b""
        ended = time.perf_counter()
        inbox += chunk
        answer = read_answer(inbox, ended=not chunk)
    status, body, _ = answer
    return status, body, ended


class _Connection:
    """A socket, the request in progress on it and the received part of its answer."""

    __slots__ = ("body", "closing", "due", "inbox", "index", "outbox", "probe", "sock")

    def __init__(self, port: int, probe: bool) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.connect_ex(("127.0.0.1", port))
        self.probe, self.index, self.due = probe, -1, 0.0
        self.outbox, self.inbox, self.closing = b"", bytearray(), False


class Generator:
    """One run of a plan. `outcomes` holds (index of the body, latency, status) of what was answered in the window."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.requests = post_requests(plan.port, plan.path, plan.bodies)
        probe = f"GET {plan.probe_path} HTTP/1.1\r\nHost: 127.0.0.1:{plan.port}\r\nConnection: close\r\n\r\n"
        self.probe = probe.encode()
        self.expect = plan.expect.encode()
        self.selector = selectors.DefaultSelector()
        self.idle: deque[_Connection] = deque()
        self.busy: set[_Connection] = set()
        self.retries: deque[float] = deque()
        self.opened = self.next_body = 0
        self.window = (0.0, 0.0)
        self.outcomes: list[tuple[int, float, int]] = []
        self.probes: list[tuple[float, int]] = []
        self.sent_late: list[float] = []
        self.first_failures: list[str] = []
        self.ended = False

    def run(self) -> dict[str, Any]:
        plan = self.plan
        begun = time.perf_counter()
        self.window = (begun + plan.warm, begun + plan.warm + plan.seconds)
        for _ in range(plan.clients):
            self._send(time.perf_counter())
        arrivals = random.Random(plan.seed)
        arrival = begun if plan.rate else float("inf")
        probe = begun if plan.probe_every else float("inf")
        sweep = begun + 1
        cpu: float | None = None
        while (now := time.perf_counter()) < self.window[1]:
            if cpu is None and now >= self.window[0]:
                cpu = time.process_time()
            while arrival <= now:
                self._arrive(arrival, now)
                arrival += arrivals.expovariate(plan.rate)
            while self.retries and self.retries[0] <= now:
                self._send(self.retries.popleft())
            if probe <= now:
                self._start(_Connection(plan.port, probe=True), -1, probe)
                probe += plan.probe_every
            if sweep <= now:
                self._sweep(now)
                sweep = now + 1
            self._turn(min(arrival, probe, sweep, self.window[1], now + IDLE_SECONDS))
        cpu_share = (time.process_time() - (cpu or 0.0)) / plan.seconds
        self.ended = True
        # What was sent is still waited for: in the open loop its latency belongs to the figures, and what is measured
        # next must not find the server at work on it.
        last = time.perf_counter() + plan.timeout
        while self.busy and (now := time.perf_counter()) < last:
            self._turn(now + IDLE_SECONDS)
            self._sweep(now)
        return {
            "outcomes": self.outcomes,
            "probes": self.probes,
            "sent_late": self.sent_late,
            "cpu_share": cpu_share,
            "first_failures": self.first_failures,
        }

    def _turn(self, until: float) -> None:
        for key, events in self.selector.select(max(0.0, until - time.perf_counter())):
            connection: _Connection = key.data
            if events & selectors.EVENT_WRITE:
                self._flush(connection)
            if events & selectors.EVENT_READ and connection.sock.fileno() >= 0:
                self._read(connection)

    def _arrive(self, due: float, now: float) -> None:
        if not self.idle and self.opened >= self.plan.connections:
            self._count(self._take_body(), due, now, NO_ROOM, b"")
            return
        self.sent_late.append(now - due)
        self._send(due)

    def _take_body(self) -> int:
        index = self.next_body
        self.next_body = (index + 1) % len(self.requests)
        return index

    def _send(self, due: float) -> None:
        """The next request, on a connection that is free or on a new one."""
        connection = self.idle.pop() if self.idle else None
        if connection is None:
            connection = _Connection(self.plan.port, probe=False)
            self.opened += 1
        self._start(connection, self._take_body(), due)

    def _start(self, connection: _Connection, index: int, due: float) -> None:
        connection.index, connection.due = index, due
        connection.outbox = self.probe if connection.probe else self.requests[index]
        connection.inbox.clear()
        self.busy.add(connection)
        self._flush(connection)

    def _flush(self, connection: _Connection) -> None:
        try:
            connection.outbox = connection.outbox[connection.sock.send(connection.outbox) :]
        except BlockingIOError:
            pass
        except OSError:
            self._finish(connection, GONE, b"")
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.outbox else 0)
        known = self.selector.get_map().get(connection.sock)
        if known is None:
            self.selector.register(connection.sock, events, connection)
        elif known.events != events:
            self.selector.modify(connection.sock, events, connection)

    def _read(self, connection: _Connection) -> None:
        try:
            chunk = connection.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        if connection not in self.busy:  # the server closed a connection that waited for its next request
            self.idle.remove(connection)
            self._close(connection)
            return
        connection.inbox += chunk
        answer = read_answer(connection.inbox, ended=not chunk)
        if answer is not None:
            status, body, connection.closing = answer
            self._finish(connection, status, body)

    def _finish(self, connection: _Connection, status: int, body: bytes) -> None:
        now = time.perf_counter()
        self.busy.discard(connection)
        if connection.probe:
            self.probes.append((now - connection.due, status))
            self._close(connection)
            return
        self._count(connection.index, connection.due, now, status, body)
        if status <= 0 or connection.closing:
            self._close(connection)
        else:
            self.idle.append(connection)
        if self.plan.clients and not self.ended:
            if status > 0:
                self._send(now)
            else:  # not at once: a dead server would get requests without a pause
                self.retries.append(now + RETRY_SECONDS)

    def _count(self, index: int, due: float, now: float, status: int, body: bytes) -> None:
        if status == 200 and self.expect not in body:
            status = GONE
        if status != 200 and len(self.first_failures) < 3:
            self.first_failures.append(f"{status} {body[:200].decode(errors='replace')}")
        # The closed loop counts what ends in the window, the open loop what was to be sent in it.
        counted = due if self.plan.rate else now
        if self.window[0] <= counted < self.window[1]:
            self.outcomes.append((index, now - due, status))

    def _sweep(self, now: float) -> None:
        """End requests that have waited for too long."""
        for connection in [item for item in self.busy if now - item.due > self.plan.timeout]:
            self._finish(connection, TIMED_OUT, b"")

    def _close(self, connection: _Connection) -> None:
        if connection.sock in self.selector.get_map():
            self.selector.unregister(connection.sock)
        connection.sock.close()
        if not connection.probe:
            self.opened -= 1


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a socket each for what waits under overload
    json.dump(Generator(Plan(**json.load(sys.stdin))).run(), sys.stdout)
