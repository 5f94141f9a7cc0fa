"""An engine without a model: it echoes, can be held, and fails on one text."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np

from model_release import Encoding
from model_server.batching.admission import DrainRate, Limits
from model_server.batching.batcher import Batcher, BatchReport

POISON = 666
Row = tuple[np.ndarray, np.ndarray]


def encoding(value: int, tokens: int = 8) -> Encoding:
    return Encoding([value] * tokens, tokens, False)


class FakeEngine:
    """Echoes each row's first id; fails on a batch that holds the poison; can be held."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.reports: list[BatchReport] = []
        self.refused: list[tuple[str, int]] = []
        self.free = threading.Event()
        self.free.set()
        self.entered = threading.Event()

    def forward(self, encodings: Sequence[Encoding]) -> list[Row]:
        values = [row.ids[0] for row in encodings]
        self.batches.append(values)
        self.entered.set()
        assert self.free.wait(20)
        if POISON in values:
            raise ValueError("poison")
        rows = np.array(values, dtype=np.float32)[:, None]
        return list(zip(np.repeat(rows, 2, axis=1), np.repeat(rows + 0.5, 4, axis=1), strict=True))

    def batcher(
        self,
        *,
        max_tokens: int = 64,
        max_waiting: int = 1000,
        max_wait: float = 1e6,
        speed: float = 0.0,
        streams: int = 1,
    ) -> Batcher:
        return Batcher(
            self.forward,
            max_tokens=max_tokens,
            limits=Limits(max_waiting, max_wait),
            on_batch=self.reports.append,
            on_refused=lambda reason, texts: self.refused.append((reason, texts)),
            rate=DrainRate(max_tokens, max_tokens / speed) if speed else None,
            streams=streams,
        )

    async def hold(self, batcher: Batcher) -> "asyncio.Task[list]":
        """Make a request that keeps the engine busy until `free` is set."""
        self.free.clear()
        self.entered.clear()
        task = asyncio.create_task(batcher.submit([encoding(0)]))
        assert await asyncio.to_thread(self.entered.wait, 20)
        return task


def first_ids(rows: list) -> list[int]:
    return [int(logits[0]) for logits, _ in rows]
