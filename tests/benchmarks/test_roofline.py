"""The bare engine's batches: those of a server with so many clients, and full ones."""

from collections.abc import Sequence

import pytest
from kit.serving_benchmarks import serving_module

from model_release import Encoding

roofline = serving_module("roofline")


class Engine:
    """Counts the rows of each batch."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def forward(self, batch: Sequence[Encoding]) -> None:
        self.rows.append(len(batch))


@pytest.mark.parametrize(
    ("tokens", "largest"),
    [(16, {1, 2, 8, 32}), (128, {1, 2, 4}), (512, {1})],
    ids=["short: a batch for each number of clients", "four fill the budget", "long: one at a time for all"],
)
def test_a_batch_holds_at_most_as_many_texts_as_clients(tokens: int, largest: set[int]) -> None:
    engine, texts = Engine(), [Encoding([1] * tokens, tokens, False) for _ in range(64)]
    plan = roofline.Plan("", "", 512, 0.0, {}, [1, 2, 8, 32])
    rates = roofline.by_clients(engine, texts, plan)
    assert set(rates) == {0, 1, 2, 8, 32} and all(rates.values())
    assert set(engine.rows) == largest
    measured = sum(64 // rows + max(4, 64 // rows // 4) for rows in largest)  # a pass, and its kernels before it
    assert len(engine.rows) <= measured
