import os
import signal
import threading
from collections.abc import Iterator

import pytest

from swift_lib.core import signals
from swift_lib.core.errors import DataError, Interrupted
from swift_lib.core.signals import check_stopped, current_flag, ended_by_signals, raise_on_signals, stop_flag


@pytest.fixture(autouse=True)
def nothing_ignored() -> Iterator[None]:
    """Whoever started the tests may have chosen to ignore some of these signals (nohup, a background job)."""
    before = {signum: signal.signal(signum, signal.SIG_DFL) for signum in (signal.SIGINT, signal.SIGHUP)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_while_held_the_first_signal_sets_a_flag_and_a_later_one_raises(
    signum: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signum)
    with stop_flag() as flag, flag.held():
        assert not flag and flag.seconds == 0
        flag.check()
        os.kill(os.getpid(), signum)
        assert flag and flag.signum == signum
        with pytest.raises(Interrupted):
            flag.check()
        os.kill(os.getpid(), signum)  # a launcher that passes on what we got as well
        monkeypatch.setattr(signals, "_REPEAT_SECONDS", 0.0)
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signum)
    assert signal.getsignal(signum) is before


def test_not_held_it_raises_once_and_is_still_known_where_that_was_swallowed() -> None:
    with stop_flag() as flag:
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # the repetition does not disturb the clean-up
        assert flag and current_flag() is flag
        with pytest.raises(Interrupted):
            check_stopped()
    assert current_flag() is None
    check_stopped()


def test_a_signal_before_an_inner_block_keeps_it_from_beginning() -> None:
    with stop_flag() as outer:
        with outer.held():
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted), raise_on_signals():
            pytest.fail("the inner block began")


def test_a_signal_in_an_inner_block_is_known_outside() -> None:
    with stop_flag() as outer, outer.held():
        with stop_flag() as inner:
            os.kill(os.getpid(), signal.SIGTERM)
            assert inner
        assert outer and outer.signum == signal.SIGTERM


def test_what_fails_after_a_signal_is_told_as_the_signal() -> None:
    with pytest.raises(Interrupted), stop_flag() as flag, flag.held():
        os.kill(os.getpid(), signal.SIGTERM)
        raise RuntimeError("a helper process got the signal too")
    with pytest.raises(DataError), stop_flag() as flag, flag.held():
        os.kill(os.getpid(), signal.SIGTERM)
        raise DataError("this one says what to do")
    with pytest.raises(RuntimeError), stop_flag():
        raise RuntimeError("no signal came")


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


def test_a_call_that_no_handler_interrupts_is_ended_with_the_process() -> None:
    """Where the parent chose to ignore a signal, that stays."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with stop_flag():
        ours = signal.getsignal(signal.SIGTERM)
        with ended_by_signals():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is ours
