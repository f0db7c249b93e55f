import os
import signal
import threading

import pytest

from swift_lib.core.errors import Interrupted
from swift_lib.core.signals import raise_on_signals, stop_flag


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_first_signal_sets_a_flag_and_the_second_raises(signum: signal.Signals) -> None:
    before = signal.getsignal(signum)
    with stop_flag() as flag:
        assert not flag
        flag.check()
        os.kill(os.getpid(), signum)
        assert flag and flag.signum == signum
        with pytest.raises(Interrupted):
            flag.check()
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signum)
    assert signal.getsignal(signum) is before


def test_a_signal_runs_finally_blocks() -> None:
    ended = []
    with pytest.raises(Interrupted) as caught, raise_on_signals():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            ended.append(True)
    assert ended and caught.value.exit_code == 143


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_flag() as flag:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not flag
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_gets_a_flag_that_nothing_sets() -> None:
    flags: list[bool] = []

    def work() -> None:
        with stop_flag() as flag:
            flags.append(bool(flag))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert flags == [False]
