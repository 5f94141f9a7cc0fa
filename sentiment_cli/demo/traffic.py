"""Requests to a server from several threads, by all transports, and their outcomes."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from sentiment_cli.client.transports import TRANSPORTS, Client
from sentiment_cli.demo.record import AgreementRecord, TransportRecord
from sentiment_cli.errors import ServerAnswer

# Most requests carry one text; `/predict` can carry no more.
SIZES = {"rest-json": (1, 1, 4), "rest-binary": (1, 1, 4), "grpc": (1, 1, 4), "predict": (1,)}

Connect = Callable[[str], Client]


@dataclass(frozen=True, slots=True)
class Request:
    """Texts of one request, and its transport."""

    transport: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """A sent request: its seconds, the returned labels, and the refusal if it failed."""

    request: Request
    seconds: float
    labels: tuple[str, ...]
    error: str | None = None


def plan_requests(texts: Sequence[str], transports: Sequence[str] = TRANSPORTS) -> list[Request]:
    """Plan requests that send every text once, in order, with alternating transports."""
    sizes = {transport: cycle(SIZES[transport]) for transport in transports}
    requests: list[Request] = []
    position = 0
    for transport in cycle(transports):
        if position >= len(texts):
            return requests
        size = next(sizes[transport])
        requests.append(Request(transport, tuple(texts[position : position + size])))
        position += size
    return requests


class _Connections(threading.local):
    """One client per transport and thread."""

    def __init__(self) -> None:
        self.clients: dict[str, Client] = {}


def send_all(requests: Sequence[Request], connect: Connect, threads: int) -> list[Sent]:
    """Send from `threads` threads, each with its own connections. A refused request is part of the result."""
    local, opened, lock = _Connections(), list[Client](), threading.Lock()

    def client_of(transport: str) -> Client:
        if transport not in local.clients:
            client = local.clients[transport] = connect(transport)
            with lock:
                opened.append(client)
        return local.clients[transport]

    def send(request: Request) -> Sent:
        client = client_of(request.transport)
        start = time.perf_counter()
        try:
            labels = tuple(answer.label for answer in client.predict(request.texts))
        except ServerAnswer as error:
            return Sent(request, time.perf_counter() - start, (), str(error))
        return Sent(request, time.perf_counter() - start, labels)

    try:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(send, requests))
    finally:
        for client in opened:
            client.close()


def by_transport(sent: Sequence[Sent]) -> list[TransportRecord]:
    """Count requests by transport, with latency percentiles of the answered requests."""
    records = []
    for transport in dict.fromkeys(one.request.transport for one in sent):
        mine = [one for one in sent if one.request.transport == transport]
        good = [one.seconds * 1000 for one in mine if one.error is None]
        p50, p95 = np.percentile(good, [50, 95]) if good else (float("nan"),) * 2
        texts = sum(len(one.request.texts) for one in mine)
        records.append(TransportRecord(transport, len(mine), texts, len(mine) - len(good), float(p50), float(p95)))
    return records


def failures(sent: Sequence[Sent]) -> list[str]:
    """Return the messages of the refused requests."""
    return [one.error for one in sent if one.error is not None]


def compare_transports(texts: Sequence[str], connect: Connect) -> AgreementRecord:
    """Send each text alone by every transport, and compare the answers with the first transport's.

    Raises:
        ServerAnswer: a request was refused.
    """
    probability: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    labels: dict[str, list[str]] = {}
    for transport in TRANSPORTS:
        client = connect(transport)
        try:
            answers = [client.predict([text])[0] for text in texts]
        finally:
            client.close()
        probability[transport] = np.array([answer.probability for answer in answers])
        labels[transport] = [answer.label for answer in answers]
    first = probability[TRANSPORTS[0]]
    difference = {name: float(np.abs(values - first).max()) for name, values in probability.items()}
    agree = all(words == labels[TRANSPORTS[0]] for words in labels.values())
    return AgreementRecord(len(texts), max(difference.values()), agree, difference)
