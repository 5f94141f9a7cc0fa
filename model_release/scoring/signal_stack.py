"""Protection of a thread's signal stack from OpenVINO."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """`stack_t` of Linux, see sigaltstack(2)."""

    _fields_ = (("base", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def kept_signal_stack() -> Iterator[None]:
    """Restore the thread's alternate signal stack after the block.

    On processors with AMX, whose registers do not fit the usual stack, OpenVINO's CPU plugin gives the thread that
    loads it another stack, and frees this with the last model, in any thread. The first thread would then crash with a
    segmentation fault at its next signal, such as the SIGTERM that makes a server drain.
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
