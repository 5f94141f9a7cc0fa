"""The cache of identical texts: computed once, kept in order of use, and nobody suffers from another's request."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.server_process import model_server, wait_for
from kit.v2_requests import INFER, json_request, read_rest

from model_server.inference.cache import AnswerCache, text_key


class Work:
    """Answers of keys, counted; may be held, and may fail."""

    def __init__(self, size: int = 100) -> None:
        self.cache: AnswerCache[str] = AnswerCache(size, self._counted)
        self.computed: list[bytes] = []
        self.counts = {"hit": 0, "joined": 0, "miss": 0}
        self.free = asyncio.Event()
        self.free.set()
        self.failing = False
        self.cancelled = 0

    def _counted(self, outcome: str, texts: int) -> None:
        self.counts[outcome] += texts

    async def get(self, *keys: bytes) -> list[str]:
        async def compute(positions: Sequence[int]) -> list[str]:
            asked = [keys[at] for at in positions]
            self.computed += asked
            try:
                await self.free.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
            if self.failing:
                raise ValueError("mine")
            return [key.decode() for key in asked]

        return await self.cache.get(keys, compute)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_answer_is_computed_once_and_counted():
    work = Work()
    assert await work.get(b"a", b"b", b"a") == ["a", "b", "a"]
    assert await work.get(b"b", b"c") == ["b", "c"]
    assert sorted(work.computed) == [b"a", b"b", b"c"]
    assert work.counts == {"hit": 1, "joined": 0, "miss": 3}


async def test_concurrent_requests_wait_for_the_same_work():
    work = Work()
    work.free.clear()
    asking = [asyncio.create_task(work.get(b"a", bytes([98 + one]))) for one in range(5)]
    await settle()
    work.free.set()
    assert await asyncio.gather(*asking) == [["a", chr(98 + one)] for one in range(5)]
    assert work.computed.count(b"a") == 1 and work.counts == {"hit": 0, "joined": 4, "miss": 6}


async def test_the_first_one_leaves_and_the_others_are_answered():
    work = Work()
    work.free.clear()
    first, second = (asyncio.create_task(work.get(b"a")) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    work.free.set()
    assert await second == ["a"] and first.cancelled()
    assert work.computed == [b"a"] and work.cancelled == 0


async def test_the_last_one_leaves_and_the_work_ends_but_a_newcomer_is_answered():
    work = Work()
    work.free.clear()
    asking = [asyncio.create_task(work.get(b"a")) for _ in range(2)]
    await settle()
    for task in asking:
        task.cancel()
    await asyncio.sleep(0)  # the work is being cancelled now
    newcomer = asyncio.create_task(work.get(b"a"))
    await settle()
    assert work.cancelled == 1
    work.free.set()
    assert await newcomer == ["a"] and work.computed == [b"a", b"a"]


async def test_a_failure_is_the_first_ones_alone_and_is_not_kept():
    work = Work()
    work.free.clear()
    work.failing = True
    first = asyncio.create_task(work.get(b"a", b"b"))
    await settle()
    second = asyncio.create_task(work.get(b"b", b"c"))
    await settle()
    work.free.set()
    with pytest.raises(ValueError, match="mine"):
        await first
    with pytest.raises(ValueError, match="mine"):  # its own work for c fails too
        await second
    work.failing = False
    work.free.clear()
    third = asyncio.create_task(work.get(b"a"))
    await settle()
    fourth = asyncio.create_task(work.get(b"a"))
    await settle()
    work.failing = True
    work.free.set()
    outcomes = await asyncio.gather(third, fourth, return_exceptions=True)
    assert [str(one) for one in outcomes] == ["mine", "mine"] and work.computed.count(b"a") == 3  # each computed alone
    work.failing = False
    assert await work.get(b"a") == ["a"]


@given(st.lists(st.lists(st.sampled_from([b"a", b"b", b"c", b"d", b"e"]), min_size=1, max_size=4), max_size=12))
def test_the_least_recently_used_goes_first(requests):
    async def run() -> None:
        work, recent = Work(size=3), []
        for keys in requests:
            expected = {key for key in keys if key not in recent}
            before = len(work.computed)
            assert await work.get(*keys) == [key.decode() for key in keys]
            await settle()
            assert set(work.computed[before:]) == expected
            assert len(work.cache._answers) <= 3 and not work.cache._flights
            recent = list(work.cache._answers)

    asyncio.run(run())


def test_keys_differ_by_text_and_by_how_it_is_read():
    keys = {text_key(text, way) for text in ("a", "A", "a ", "\ud800", "") for way in ("", "head", "window")}
    assert len(keys) == 15
    assert text_key("x\0y", "") != text_key("y", "x")


def metric(client: httpx.Client, name: str) -> float:
    lines = [line for line in client.get("/metrics").text.splitlines() if line.startswith(f"{name} ")]
    return float(lines[0].split()[1])


def test_a_server_answers_copies_from_the_cache_and_logs_each(serving: Path, tmp_path: Path):
    with (
        model_server(serving, tmp_path, CACHE_ANSWERS="100") as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client,
    ):
        outputs = ["label", "probabilities", "prediction_id", "tokens", "truncated"]

        def ask(texts: list[str], **other: Any) -> dict[str, Any]:
            return read_rest(client.post(INFER, json=json_request(texts, outputs, **other)))

        long = "the plot " * 60
        first = ask(["a film", long, "a film"])
        rows = metric(client, "ml_batch_rows_sum")
        assert rows == 2
        again = ask([long, "a film"])
        assert metric(client, "ml_batch_rows_sum") == rows
        assert again["probabilities"].tolist() == first["probabilities"][[1, 0]].tolist()
        assert again["tokens"].tolist() == first["tokens"][[1, 0]].tolist()
        assert again["truncated"].tolist() == [True, False]
        ids = {*first["prediction_id"], *again["prediction_id"]}
        assert len(ids) == 5
        for outcome, count in (("hit", 2), ("miss", 2), ("joined", 0)):
            assert metric(client, f'ml_cache_texts_total{{outcome="{outcome}"}}') == count
        whole = ask([long], parameters={"truncation": "window"})
        assert not whole["truncated"][0] and metric(client, "ml_batch_rows_sum") > rows
        refused = client.post(INFER, json=json_request(["a film", long], parameters={"truncation": "error"}))
        assert refused.status_code == 400 and "text[1]" in refused.json()["error"]
        explained = client.post("/predict", json={"text": "a film", "explain": True}).json()
        assert explained["attributions"]["exact"]

        def logged() -> set[str]:
            with closing(sqlite3.connect(server.database_url.removeprefix("sqlite:///"))) as database:
                return {row[0] for row in database.execute("SELECT id FROM predictions")}

        wait_for(lambda: ids <= logged(), "the rows", 20)


def test_without_the_setting_nothing_is_kept(http):
    before = metric(http, 'ml_cache_texts_total{outcome="miss"}'), metric(http, "ml_batch_rows_sum")
    for _ in range(2):
        http.post(INFER, json=json_request(["exactly this film"]))
    assert metric(http, 'ml_cache_texts_total{outcome="miss"}') == before[0] == 0
    assert metric(http, "ml_batch_rows_sum") == before[1] + 2
