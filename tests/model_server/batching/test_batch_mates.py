"""Requests that share a batch never affect each other: options, order, count, faults and cancellation."""

import asyncio
import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit.server_process import ModelServer
from kit.v2_requests import INFER, binary_request, grpc_request, json_request, read_rest, read_rpc
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceStub

from model_release import Encoding
from model_server.batching.admission import Limits
from model_server.batching.batcher import Batcher, EngineFailure
from model_server.protocol.tensors import OUTPUTS

POISON = 10**6
Row = tuple[np.ndarray, np.ndarray]


class Engine:
    """Answers each row with its first id; fails on a batch that holds poison; the first batch waits for `free`."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.free = threading.Event()

    def forward(self, encodings: Sequence[Encoding]) -> list[Row]:
        assert self.free.wait(20)
        values = [encoding.ids[0] for encoding in encodings]
        if any(value >= POISON for value in values):
            raise ValueError("poison")
        self.rows += values
        column = np.array(values, dtype=np.float32)[:, None]
        return list(zip(np.repeat(column, 2, axis=1), np.repeat(column, 4, axis=1), strict=True))


@dataclass(frozen=True)
class Plan:
    """A request of a batcher: the tokens of its rows, which of them is poison, and whether its client leaves."""

    lengths: tuple[int, ...]
    poison: int | None
    leaves: bool


plans = st.lists(
    st.builds(
        Plan,
        st.lists(st.integers(1, 60), min_size=1, max_size=5).map(tuple),
        st.one_of(st.none(), st.none(), st.integers(0, 4)),
        st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=12,
)


def rows_of(request: int, plan: Plan) -> list[Encoding]:
    values = [
        request * 100 + row + (POISON if plan.poison is not None and row == plan.poison % len(plan.lengths) else 0)
        for row in range(len(plan.lengths))
    ]
    return [Encoding([value] * length, length, False) for value, length in zip(values, plan.lengths, strict=True)]


@given(plans, st.integers(8, 200))
def test_a_poison_or_cancelled_request_fails_alone(plan, max_tokens):
    """The others get their own rows, in their order, and each row is answered once."""

    async def play() -> tuple[Engine, list[Any]]:
        engine = Engine()
        batcher = Batcher(
            engine.forward,
            max_tokens=max_tokens,
            limits=Limits(1000, 1e6),
            on_batch=lambda _: None,
            on_refused=lambda reason, texts: None,
        )
        tasks = [asyncio.create_task(batcher.submit(rows_of(at, one))) for at, one in enumerate(plan, 1)]
        await asyncio.sleep(0)  # all of them wait, or are the batch that the engine holds
        for task, one in zip(tasks, plan, strict=True):
            if one.leaves:
                task.cancel()
        engine.free.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(batcher.close)
        return engine, outcomes

    engine, outcomes = asyncio.run(play())
    for at, (one, outcome) in enumerate(zip(plan, outcomes, strict=True), 1):
        if one.leaves:
            assert isinstance(outcome, asyncio.CancelledError)
        elif one.poison is not None:
            assert isinstance(outcome, EngineFailure)
        else:
            assert [int(logits[0]) for logits, _ in outcome] == [at * 100 + row for row in range(len(one.lengths))]
            assert all(embedding[0] == logits[0] for logits, embedding in outcome)
    assert len(engine.rows) == len(set(engine.rows))


WORDS = "wonderful dull film plot warm tedious story superb boring actors".split()
LONG = 90  # words; the release reads 64 tokens


@dataclass(frozen=True)
class Ask:
    """A request of a client: all that it may choose."""

    transport: str
    texts: tuple[str, ...]
    outputs: tuple[str, ...]
    truncation: str | None
    id: str
    leaves: bool


def some_text(draw: Any) -> str:
    count = draw(st.sampled_from([1, 3, 8, 20, LONG]))
    start = draw(st.integers(0, 9))
    return " ".join(WORDS[(start + step * step) % len(WORDS)] for step in range(count))


@st.composite
def asks(draw: Any) -> Ask:
    return Ask(
        transport=draw(st.sampled_from(["json", "binary", "grpc"])),
        texts=tuple(some_text(draw) for _ in range(draw(st.integers(1, 4)))),
        outputs=tuple(draw(st.lists(st.sampled_from(sorted(OUTPUTS)), unique=True, max_size=4))),
        truncation=draw(st.sampled_from([None, "head", "head_tail", "window", "error"])),
        id=draw(st.uuids().map(str)),
        leaves=draw(st.sampled_from([False, False, False, False, True])),
    )


class Client:
    """Asks a server by all of its ways, at once."""

    def __init__(self, server: ModelServer, http: httpx.AsyncClient, stub: Any) -> None:
        self._server, self._http, self._stub = server, http, stub

    async def answer(self, ask: Ask) -> tuple[str, dict[str, np.ndarray]] | str:
        """The id and the outputs, or the refusal's message."""
        parameters = {"truncation": ask.truncation} if ask.truncation else {}
        if ask.transport == "grpc":
            request = grpc_request(ask.texts, ask.outputs, id=ask.id)
            for name, value in parameters.items():
                request.parameters[name].string_param = value
            try:
                response = await self._stub.ModelInfer(request, timeout=60)
            except grpc.RpcError as error:
                assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, error
                return str(error.details())
            return response.id, read_rpc(response)
        if ask.transport == "json":
            document = json_request(ask.texts, ask.outputs, id=ask.id, parameters=parameters)
            response = await self._http.post(INFER, json=document)
        else:
            parameters["binary_data_output"] = True
            body, headers = binary_request(ask.texts, ask.outputs, id=ask.id, parameters=parameters)
            response = await self._http.post(INFER, content=body, headers=headers)
        if response.status_code == 400:
            return str(response.json()["error"])
        length = response.headers.get("Inference-Header-Content-Length")
        assert (length is not None) == (ask.transport == "binary")
        head = json.loads(response.content[: int(length)] if length else response.content)
        return str(head["id"]), read_rest(response)

    async def together(self, asked: Sequence[Ask]) -> list[Any]:
        """All at once; those whose client leaves give None."""
        tasks = [asyncio.create_task(self.answer(ask)) for ask in asked]
        await asyncio.sleep(0.001)
        for task, ask in zip(tasks, asked, strict=True):
            if ask.leaves:
                task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        return [None if isinstance(outcome, asyncio.CancelledError) else outcome for outcome in outcomes]


def same(one: Any, other: Any) -> None:
    """Two outcomes of the same request; ids of predictions are new each time."""
    if isinstance(one, str) or isinstance(other, str):
        assert one == other
        return
    (first_id, first), (second_id, second) = one, other
    assert first_id == second_id and list(first) == list(second)
    for name, values in first.items():
        assert values.shape == second[name].shape, name
        if name == "prediction_id":
            assert not set(values.tolist()) & set(second[name].tolist())
        elif values.dtype.kind == "f":
            assert np.allclose(values, second[name], atol=0.02), name
        else:
            assert values.tolist() == second[name].tolist(), name


@given(st.lists(asks(), min_size=2, max_size=14))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_request_among_others_is_answered_as_alone(server, asked):
    """Its id, its outputs in its form and order, its truncation; a refused or abandoned mate changes nothing."""

    async def play() -> None:
        async with (
            httpx.AsyncClient(base_url=server.url, trust_env=False, timeout=60) as http,
            grpc.aio.insecure_channel(server.grpc_target) as channel,
        ):
            client = Client(server, http, GRPCInferenceServiceStub(channel))
            together = await client.together(asked)
            for ask, outcome in zip(asked, together, strict=True):
                alone = await client.answer(ask)
                if outcome is not None:
                    assert not isinstance(outcome, BaseException), outcome
                    same(outcome, alone)
                if isinstance(alone, str):
                    assert ask.truncation == "error" and any(len(text.split()) == LONG for text in ask.texts)
                    continue
                returned_id, outputs = alone
                assert returned_id == ask.id
                assert list(outputs) == list(ask.outputs or ("label", "confidence", "probabilities"))
                assert all(len(values) == len(ask.texts) for values in outputs.values())
                if "truncated" in outputs and ask.truncation != "window":
                    assert outputs["truncated"].tolist() == [len(text.split()) == LONG for text in ask.texts]

    asyncio.run(play())
    assert "Traceback" not in server.output
