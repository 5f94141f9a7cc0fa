"""One client's turns: which text each latency belongs to, and a turn's figures."""

import importlib
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from kit.serving_benchmarks import http, server

from model_release import Encoding

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SECONDS = {at: 0.004 * (at % 3 + 1) for at in range(12)}  # that a text takes, by its index
SERVED_SECONDS_MORE = 0.02  # more than the slowest text takes, so that a bare pass cannot stand for a served one


@pytest.fixture
def one_client(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(BENCHMARKS / "serving"))
    return importlib.import_module("one_client")


class Engine:
    """Takes as long for a text as `SECONDS` says; texts are known by their only id."""

    def encode(self, texts: Sequence[str]) -> list[Encoding]:
        return [Encoding([int(text)], 1, False) for text in texts]

    def forward(self, batch: Sequence[Encoding]) -> None:
        time.sleep(SECONDS[batch[0].ids[0]])


def test_every_latency_belongs_to_its_text(one_client: Any) -> None:
    def answer(_: int, body: bytes) -> list[bytes]:
        time.sleep(SECONDS[int(body)] + SERVED_SECONDS_MORE)
        return [http(200)]

    load = one_client.Load("12", list(map(str, range(12))), [1] * 12)
    with server(answer) as port:
        recipe = SimpleNamespace(port=port, body=lambda text: text)
        made = one_client.turns(Engine(), recipe, load, 3, 1.0)
    assert [next(iter(turn.bare)) for turn in made] == [0, 4, 8] == [next(iter(turn.served)) for turn in made]
    for turn in made:
        for index, taken in turn.served.items():
            assert SECONDS[index] + SERVED_SECONDS_MORE <= taken
        assert all(SECONDS[index] <= taken for index, taken in turn.bare.items())


def test_a_turn_counts_the_texts_that_both_sides_had(one_client: Any) -> None:
    made = [one_client.Turn({0: 0.010, 1: 0.020, 2: 0.030}, {1: 0.022, 2: 0.031, 7: 9.0, 0: 0.013}) for _ in range(5)]
    row = one_client.figures(one_client.Load("16", ["a", "b"], [16, 16]), made)
    assert made[0].over == pytest.approx(0.002)
    assert (row["over_ms"], row["over_low_ms"], row["over_high_ms"]) == (2.0, 2.0, 2.0)
    assert (row["turns"], row["requests"], row["forward_pass_p50_ms"]) == (5, 20, 20.0)


def test_a_failure_is_reported(one_client: Any) -> None:
    with server(lambda *_: [http(503, b"busy")]) as port, pytest.raises(RuntimeError, match="12: 503 busy"):
        recipe = SimpleNamespace(port=port, body=lambda text: text)
        one_client.served_half(recipe, one_client.Load("12", ["1"], [1]), [0], 0.1)
