"""A signal ends what runs at once, or when it has become whole."""

import os
import signal
import threading

import pytest

from training_job.stopping import TERMINATED, Interruptions


@pytest.mark.parametrize(("number", "error"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_ends_at_once_but_where_it_is_held(number: int, error: type[BaseException]) -> None:
    before = signal.getsignal(number)
    done: list[str] = []
    with pytest.raises(error) as caught, Interruptions() as interruptions:
        with interruptions.held():
            with interruptions.held():
                os.kill(os.getpid(), number)
                done.append("inner")
            done.append("outer")
        done.append("after")
    assert done == ["inner", "outer"]
    assert signal.getsignal(number) == before
    if isinstance(caught.value, SystemExit):
        assert caught.value.code == TERMINATED == 143
    with pytest.raises(error), Interruptions():
        os.kill(os.getpid(), number)
        done.append("after")
    assert "after" not in done


def test_an_error_within_comes_first_when_no_signal_came() -> None:
    with pytest.raises(ValueError, match="mine"), Interruptions() as interruptions, interruptions.held():
        raise ValueError("mine")


def test_other_threads_change_nothing() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[object] = []

    def work() -> None:
        with Interruptions():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
