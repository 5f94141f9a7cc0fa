"""Ids, and which rows a database could hold."""

import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kit.log_rows import any_record, id_at, record
from scipy import stats

from prediction_log import LogError, PredictionRecord, new_id, time_of
from prediction_log.record import check, storable


def test_ids_are_unique_in_order_and_tell_their_time() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    ids = [new_id() for _ in range(2000)]
    assert len(set(ids)) == 2000
    assert ids == sorted(ids)
    assert before <= time_of(ids[0]) <= time_of(ids[-1]) <= datetime.now(UTC) + timedelta(milliseconds=1)


CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *t) {
  int (*real)(clockid_t, struct timespec *) = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = real(id, t);
  struct stat found;
  if (id == CLOCK_REALTIME && stat(getenv("CLOCK_BACK"), &found) == 0) t->tv_sec -= 7200;
  return result;
}
"""
SET_BACK = """
import os, pathlib, time
from prediction_log import new_id, time_of
first = time_of(new_id())
pathlib.Path(os.environ["CLOCK_BACK"]).touch()
ids = [new_id() for _ in range(50)]
print(max(abs(time_of(one).timestamp() - time.time()) for one in ids), (first - time_of(ids[0])).total_seconds())
assert len(set(ids)) == 50
"""


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler")
def test_ids_follow_a_clock_that_is_set_back(tmp_path: Path) -> None:
    """A real process, whose wall clock goes back by two hours."""
    (tmp_path / "clock.c").write_text(CLOCK)
    library = tmp_path / "clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "clock.c", "-ldl"], check=True)
    environment = {**os.environ, "LD_PRELOAD": str(library), "CLOCK_BACK": str(tmp_path / "back")}
    done = subprocess.run([sys.executable, "-c", SET_BACK], env=environment, capture_output=True, text=True, check=True)
    apart, back = map(float, done.stdout.split())
    assert apart < 60
    assert back == pytest.approx(7200, abs=60)


def test_ids_follow_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    two_hours = 7200 * 10**9
    real = time.time_ns
    monkeypatch.setattr("prediction_log.record.time.time_ns", lambda: real() - two_hours)
    ids = [new_id() for _ in range(50)]
    assert len(set(ids)) == 50
    expected = datetime.now(UTC) - timedelta(hours=2)
    assert all(abs(time_of(one) - expected) < timedelta(minutes=1) for one in ids)


def test_the_end_of_an_id_is_random_as_sampling_needs_it() -> None:
    tails = np.array([int(new_id()[-8:], 16) for _ in range(4000)])
    assert stats.kstest(tails / 2**32, "uniform").pvalue > 1e-4
    assert stats.spearmanr(tails, np.arange(4000)).pvalue > 1e-4


def test_an_id_has_the_time_it_was_made_of() -> None:
    moment = datetime(2031, 5, 6, 7, 8, 9, 123000, UTC)
    assert time_of(id_at(moment)) == moment


@pytest.mark.parametrize(
    "bad", ["", "x", "123", "c9bf9e57-1685-4c89-bafb-ff5af830be8a", "ffffffff-ffff-7fff-bfff-ffffffffffff", None, 7]
)
def test_what_is_no_id_of_the_log(bad: Any) -> None:
    with pytest.raises(LogError, match="uuid of version 7"):
        time_of(bad)


@given(st.text(st.characters(codec=None)))
def test_storable_text_is_utf8_without_nul(text: str) -> None:
    plain = storable(text)
    assert plain is not None
    assert "\x00" not in plain.encode().decode()
    if "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text):
        assert plain == text


@given(any_record)
def test_ordinary_rows_pass(row: PredictionRecord) -> None:
    assert check(row) is None


def test_numpy_scalars_pass() -> None:
    changes = {"probability": np.float32(0.5), "tokens": np.int64(3), "truncated": np.bool_(True)}
    assert check(record(**changes)) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("margin", float("nan")),
        ("probability", float("inf")),
        ("latency_ms", None),
        ("confidence", "high"),
        ("tokens", -1),
        ("tokens", 2**40),
        ("tokens", None),
        ("text", b"bytes"),
        ("label", None),
        ("sketch", b"\x00" * 127),
        ("sketch", "x" * 128),
        ("descriptors", {"chars": float("nan")}),
        ("descriptors", {"chars": "many"}),
        ("descriptors", ["chars"]),
        ("id", "not-an-id"),
        ("id", None),
    ],
)
def test_rows_that_no_database_could_hold(name: str, value: Any) -> None:
    bad = record()
    setattr(bad, name, value)
    assert check(bad) is not None
