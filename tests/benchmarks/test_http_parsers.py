"""Protocol classes beside each other: servers as the benchmark starts them, their answers and the table."""

import importlib
import socket
from pathlib import Path
from typing import Any

import pytest
from kit.serving_benchmarks import server

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def http_parsers(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    monkeypatch.syspath_prepend(str(BENCHMARKS / "serving"))
    return importlib.import_module("http_parsers")


def test_each_server_has_its_own_figures_and_answers(http_parsers: Any, tmp_path: Path) -> None:
    rows = http_parsers.measure([("httptools", "asyncio"), ("ours", "uvloop")], 2, 300, tmp_path)
    assert [(row["parser"], row["loop"]) for row in rows] == [("httptools", "asyncio"), ("ours", "uvloop")]
    for row in rows:
        assert len(row["cpu_us_by_round"]) == 2
        assert row["p50_us"] > 0
    assert list(rows[0]["cases"].values()) == ["200, body lost", "200", "200, blanks kept", "200"]
    assert list(rows[1]["cases"].values()) == ["200", "431", "200", "400"]
    document = {"packages": {"uvicorn": "1"}, "rounds": 2, "requests": 300, "servers": rows}
    *_, uvicorns, our = importlib.import_module("serving_tables").http_parsers(document).strip().splitlines()
    assert uvicorns.startswith("| httptools | asyncio | ")
    assert uvicorns.endswith(" | 200, body lost | 200 | 200, blanks kept | 200 |")
    assert our.endswith(" | 200 | 431 | 200 | 400 |")


def test_an_answer_without_its_length_may_end_with_a_reset(http_parsers: Any) -> None:
    near, far = socket.create_server(("127.0.0.1", 0)), socket.socket()
    with near, far:
        far.connect(near.getsockname())
        accepted, _ = near.accept()
        far.sendall(b"more than the server reads")
        accepted.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\nno")
        accepted.close()  # with bytes unread, which makes it a reset
        assert http_parsers.receive(far)[:2] == (400, b"no")


def test_a_round_with_a_wrong_answer_fails(http_parsers: Any) -> None:
    wrong = b'HTTP/1.1 200 OK\r\nContent-Length: 23\r\n\r\n{"bytes":0,"probe":"5"}'
    with server(lambda *_: [wrong]) as port, http_parsers._connect(port) as connection:
        (request,) = http_parsers.post_requests(port, "/", [http_parsers.BODY])
        with pytest.raises(RuntimeError, match="answered 200"):
            http_parsers._ask(connection, request, 1)
