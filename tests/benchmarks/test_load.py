"""The load generator against servers that answer well, badly, late and not at all."""

import random
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.factories import make_tokenizer
from kit.serving_benchmarks import http, server, serving_module
from tokenizers import Tokenizer

load, texts = serving_module("load"), serving_module("texts")


def run(port: int, **changes):
    plan = {"path": "/x", "bodies": ["a", "b", "c"], "expect": '"outputs"', "seconds": 0.3, "timeout": 5.0} | changes
    return load.Generator(load.Plan(port=port, **plan)).run()


def test_bodies_go_out_in_their_order_over_and_over():
    got: list[bytes] = []
    with server(lambda _, body: got.append(body) or [http(200)]) as port:
        seen = run(port, clients=1)
    assert len(got) > 3
    assert got == [b"abc"[at % 3 : at % 3 + 1] for at in range(len(got))]
    assert [index for index, _, _ in seen["outcomes"]] == [at % 3 for at in range(len(seen["outcomes"]))]


def test_an_answer_in_pieces_is_one_answer():
    with server(lambda *_: [bytes([byte]) for byte in http(200)]) as port:
        seen = run(port, clients=2)
    assert {status for _, _, status in seen["outcomes"]} == {200}


def test_refusals_errors_and_answers_without_outputs_are_counted_apart():
    answers = [http(200), http(503), http(200, b'{"error":"x"}'), http(500, b"oh")]
    with server(lambda number, _: [answers[number % 4]]) as port:
        seen = run(port, clients=1)
    assert {status for _, _, status in seen["outcomes"]} == {200, 503, load.GONE, 500}
    assert len(seen["first_failures"]) == 3


def test_a_connection_that_the_server_closes_is_opened_again():
    with server(lambda number, _: [http(200, more=b"Connection: close\r\n")] if number % 2 else [http(200)]) as port:
        seen = run(port, clients=2)
    assert len(seen["outcomes"]) > 4
    assert {status for _, _, status in seen["outcomes"]} == {200}


@pytest.mark.parametrize("half", [None, [http(200)[:20]]])
def test_a_server_that_hangs_up_is_a_failure(half):
    with server(lambda number, _: None if number % 2 or half is None else half) as port:
        seen = run(port, clients=1, timeout=0.05, seconds=2.5)
    assert seen["outcomes"]
    assert {status for _, _, status in seen["outcomes"]} <= {load.GONE, load.TIMED_OUT}


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    seen = run(port, clients=2)
    assert {status for _, _, status in seen["outcomes"]} == {load.GONE}


def test_the_open_loop_counts_from_the_time_at_which_a_request_was_due():
    held = threading.Event()

    def answer(number: int, _: bytes) -> list[bytes]:
        if number == 20:
            held.set()
        held.wait(5)  # no answer comes before 21 requests were sent
        return [http(200)]

    with server(answer) as port:
        seen = run(port, rate=200.0, seconds=0.5, bodies=[str(number) for number in range(1000)])
    assert {status for _, _, status in seen["outcomes"]} == {200}
    arrivals, due = random.Random(0), [0.0]
    while len(due) <= 20:
        due.append(due[-1] + arrivals.expovariate(200.0))
    waited = {index: latency for index, latency, _ in seen["outcomes"]}
    assert all(waited[index] >= due[20] - due[index] for index in range(20))


def test_requests_that_are_never_answered_time_out():
    with server(lambda *_: threading.Event().wait(60) or None) as port:
        seen = run(port, rate=50.0, seconds=0.2, timeout=0.1, connections=5)
    statuses = [status for _, _, status in seen["outcomes"]]
    assert set(statuses) <= {load.TIMED_OUT, load.NO_ROOM}
    assert all(latency >= 0.1 for _, latency, status in seen["outcomes"] if status == load.TIMED_OUT)


def test_probes_have_separate_connections_and_are_counted_apart():
    with server(lambda *_: [http(200)]) as port:
        seen = run(port, clients=1, probe_every=0.05)
    assert len(seen["probes"]) >= 3
    assert {status for _, status in seen["probes"]} == {200}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> Tokenizer:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    make_tokenizer(path)
    return Tokenizer.from_file(str(path))


@given(text=st.text("abcdefgmovie film. ,'é好\n", max_size=200), tokens=st.integers(3, 40))
def test_a_cut_text_is_a_start_of_the_text_with_at_most_as_many_tokens(tokenizer, text, tokens):
    short, size = texts.cut(text, tokens, tokenizer)
    assert text.startswith(short)
    assert size == len(tokenizer.encode(short).ids) <= tokens
    if len(tokenizer.encode(text).ids) <= tokens:
        assert short == text


def test_loads_hold_texts_of_exactly_their_tokens(tokenizer):
    reviews = [f"{'the film was wonderful and warm ' * 8}{number}" for number in range(40)]
    exact, mix = texts.make_loads(["16", "mix"], reviews, 20, tokenizer)
    assert {len(tokenizer.encode(text).ids) for text in exact.texts} == {16}
    assert mix.tokens == [len(tokenizer.encode(text).ids) for text in mix.texts]
    with pytest.raises(ValueError, match="only 0 texts of 512 tokens"):
        texts.make_loads(["512"], reviews, 20, tokenizer)
