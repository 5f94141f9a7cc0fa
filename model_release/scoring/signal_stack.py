"""The stack that a thread's signal handlers run on, kept as it was while OpenVINO loads."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """`stack_t` of Linux, see sigaltstack(2)."""

    _fields_ = (("base", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def kept_signal_stack() -> Iterator[None]:
    """Give the thread its alternate signal stack back after the block.

    On processors with AMX, whose registers do not fit the usual one, OpenVINO's CPU plugin gives the thread that loads
    it a stack of its own, and frees it with the last model, in whichever thread that is dropped. The first thread would
    then end with a segmentation fault at its next signal, such as the SIGTERM that asks a server to drain.
    """
    if sys.platform != "linux":
        yield
        return
    libc, before = ctypes.CDLL(None), _Stack()
    known = libc.sigaltstack(None, ctypes.byref(before)) == 0
    try:
        yield
    finally:
        if known:
            libc.sigaltstack(ctypes.byref(before), None)
