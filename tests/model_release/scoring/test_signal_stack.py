"""A process whose model was dropped in another thread still gets its signals."""

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from model_release import ReleaseStore
from model_release.scoring.signal_stack import _Stack, kept_signal_stack

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sigaltstack is called as Linux has it")

# With AMX (grep amx /proc/cpuinfo) OpenVINO changes the stack; elsewhere this shows only that signals arrive.
DROPPED_ELSEWHERE = """
import gc, os, signal, sys, threading
from pathlib import Path
from model_release import Scorer

loaded = [Scorer.load(Path(sys.argv[1]), threads=1)]
loaded[0].score(["a fine film"])
signal.signal(signal.SIGTERM, lambda *_: print("caught"))
thread = threading.Thread(target=lambda: (loaded.clear(), gc.collect()))
thread.start()
thread.join()
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_signal_arrives_after_the_model_went_in_another_thread(tiny_release: tuple[str, str], tmp_path: Path) -> None:
    uri, release_id = tiny_release
    folder = ReleaseStore(uri).fetch("sentiment", release_id, tmp_path, only=("serving/",))
    done = subprocess.run(
        [sys.executable, "-c", DROPPED_ELSEWHERE, str(folder / "serving")], capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, "caught\n"), done.stderr


def test_the_threads_stack_is_as_it_was() -> None:
    libc, before, after = ctypes.CDLL(None), _Stack(), _Stack()
    memory = ctypes.create_string_buffer(1 << 16)
    libc.sigaltstack(None, ctypes.byref(before))
    with pytest.raises(ValueError, match="mine"), kept_signal_stack():
        other = _Stack(ctypes.addressof(memory), 0, len(memory))
        assert libc.sigaltstack(ctypes.byref(other), None) == 0
        raise ValueError("mine")
    libc.sigaltstack(None, ctypes.byref(after))
    assert (after.base, after.flags, after.size) == (before.base, before.flags, before.size)
