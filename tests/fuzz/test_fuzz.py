"""A short run of the fuzzer, and hypothesis on the same ground: the binary codec and raw bodies."""

import asyncio
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from conformance.target import LENGTH_HEADER
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz.codec import PARTS, fuzz_codec
from fuzz.inputs import make_body, make_message
from fuzz.mutations import change, damage
from fuzz.traffic import fuzz_server, make_request
from model_server.errors import InvalidInput, ServingError
from model_server.protocol.tensors import pack_bytes, unpack_texts
from model_server.protocol.v2 import parse_request

INFER = "/v2/models/sentiment/infer"


def test_the_codec_takes_or_refuses_whatever_comes():
    found = fuzz_codec(20_000, seed=1)
    assert found["crashes"] == []
    assert set(found["tried"]) == set(PARTS)
    for name in PARTS:  # both happen, or the fuzzer does not reach far enough
        assert 0 < found["refused"][name] < found["tried"][name]


def test_a_crash_is_found_and_can_be_made_again(monkeypatch: pytest.MonkeyPatch):
    import fuzz.codec

    def broken(body: bytes, header_length: str | None) -> Any:
        raise KeyError("inputs")

    monkeypatch.setattr(fuzz.codec, "parse_request", broken)
    crashes = fuzz_codec(200, seed=5)["crashes"]
    assert crashes and all("KeyError" in crash for crash in crashes)
    assert crashes == fuzz_codec(200, seed=5)["crashes"]


@given(st.integers())
def test_damage_and_changes_come_from_the_seed(seed):
    for make in (make_request, make_message, lambda rng: make_body(rng).raw):
        assert make(random.Random(seed)) == make(random.Random(seed))
    whole = {"a": [1, {"b": "c"}]}
    assert json.dumps(change(random.Random(seed), whole))
    assert whole == {"a": [1, {"b": "c"}]} and isinstance(damage(random.Random(seed), b"abc"), bytes)


def test_a_server_answers_no_client_with_its_own_fault(server: Any):
    found = asyncio.run(fuzz_server(server.url, server.grpc_target, 1500, seed=2))
    assert found["faults"] == [] and found["ready"]
    assert {"200", "400", "404", "OK", "INVALID_ARGUMENT"} <= set(found["statuses"])
    assert "Traceback" not in server.output


def test_the_program_writes_what_it_found(tmp_path: Path):
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "fuzz", "--codec", "500", "--json", str(tmp_path / "found.json")]
    done = subprocess.run(command, cwd=root / "tests", env={"PYTHONPATH": f"{root}:{root / 'tests'}"}, check=False)
    assert done.returncode == 0
    assert json.loads((tmp_path / "found.json").read_text())["codec"]["inputs"] == 500


@given(st.binary(max_size=64), st.integers(0, 6))
@settings(max_examples=500)
def test_a_binary_tensor_is_read_whole_or_refused(raw, count):
    try:
        texts = unpack_texts(raw, count)
    except InvalidInput:
        return
    assert len(texts) == count and pack_bytes([text.encode() for text in texts]) == raw


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=6))
def test_what_is_packed_is_unpacked(texts):
    assert unpack_texts(pack_bytes([text.encode() for text in texts]), len(texts)) == texts


tails = st.binary(max_size=40)
sizes = st.one_of(st.integers(-2, 60), st.sampled_from([2**31, 2**63, 2**64]), st.none(), st.text(max_size=3))


@given(tails, sizes, st.integers(0, 4), st.integers(-3, 3))
@settings(max_examples=300)
def test_sizes_that_disagree_give_our_errors_only(tail, size, count, off):
    tensor = {"name": "text", "datatype": "BYTES", "shape": [count], "parameters": {"binary_data_size": size}}
    head = json.dumps({"inputs": [tensor]}).encode()
    try:
        request = parse_request(head + tail, str(len(head) + off))
    except ServingError as error:
        assert error.status == 400
    else:
        assert len(request.texts) == count and size == len(tail)


# A length of 0 announces a text without JSON, which is answered.
LENGTHS = st.text("0123456789-x", max_size=5).filter(lambda length: set(length) != {"0"})


@given(st.binary(max_size=300), st.none() | LENGTHS, st.sampled_from([None, "gzip", "deflate"]))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_raw_bodies_are_refused_with_a_reason(server, body, length, coding):
    headers = {"Content-Encoding": coding} if coding else {}
    if length is not None:
        headers[LENGTH_HEADER] = length
    for path in (INFER, "/v1/models/sentiment:predict", "/predict", "/feedback"):
        answer = httpx.post(f"{server.url}{path}", content=body, headers=headers, trust_env=False)
        assert answer.status_code == 400 and answer.json()["error"], answer.text
