"""Ending well when the platform asks for it.

A signal raises Interrupted where the main thread stands, so that `finally` blocks run: right for work that can be done
again from its start. Where half of something must not be left, `flag.held()` makes it only set the flag, and the loop
inside polls.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from swift_lib.core.errors import Interrupted, SwiftError

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))
# A launcher passes on what its children got as well (Ctrl-C in a terminal, Slurm): the same wish, told twice.
_REPEAT_SECONDS = 3.0


class StopFlag:
    """Set by the first signal; poll it between steps: `if flag: save and leave`."""

    def __init__(self, outer: "StopFlag | None" = None) -> None:
        self.signum: int | None = None if outer is None else outer.signum
        self._holds: int = 0 if outer is None else outer._holds
        self._since: float = 0.0 if outer is None else outer._since

    def __bool__(self) -> bool:
        return self.signum is not None

    def check(self) -> None:
        """Raise Interrupted if a signal has arrived."""
        if self.signum is not None:
            raise Interrupted(self.signum)

    def set(self, signum: int) -> None:
        """Note a signal that arrived here, or in another process of the same work."""
        self.signum, self._since = signum, time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the first signal; 0 before it."""
        return time.monotonic() - self._since if self else 0.0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Inside, the first signal only sets the flag, and one that follows later raises at once."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1

    def _arrived(self, signum: int) -> None:
        first = not self
        if first:
            self.set(signum)
        # Inside the clean-up after the first signal its repetition would do harm only.
        if self._holds == 0 if first else self.seconds > _REPEAT_SECONDS:
            raise Interrupted(signum)


_open: list[StopFlag] = []


def current_flag() -> StopFlag | None:
    """The flag of the innermost `stop_flag()` that is open in this process."""
    return _open[-1] if _open else None


def check_stopped() -> None:
    """Raise Interrupted if a signal has arrived and nobody holds it; for loops of work that takes long.

    The signal raised it before, but a library that catches every exception may have swallowed that.
    """
    if _open and not _open[-1]._holds:
        _open[-1].check()


@contextmanager
def stop_flag() -> Iterator[StopFlag]:
    """SIGTERM, SIGINT and SIGHUP raise Interrupted, or set the flag inside its `held()`.

    A signal that came while an outer `stop_flag()` was open counts. What fails after a signal, for example because
    helper processes got it too, is told as the signal, but for errors that say what to do.
    """
    outer = current_flag()
    flag = StopFlag(outer)
    if not flag._holds:
        flag.check()
    with _handlers(lambda signum, _frame: flag._arrived(signum)) as installed:
        if installed:
            _open.append(flag)
        try:
            yield flag
        except SwiftError:
            raise
        except Exception as error:
            if flag:
                raise Interrupted(flag.signum or 0) from error
            raise
        finally:
            if installed:
                _open.remove(flag)
                if outer is not None and flag:
                    outer.signum, outer._since = flag.signum, flag._since


@contextmanager
def raise_on_signals() -> Iterator[None]:
    """SIGTERM, SIGINT and SIGHUP raise Interrupted where the main thread stands, so that `finally` blocks run."""
    with stop_flag():
        yield


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Signals end the process at once: around a library's call that no handler interrupts, with nothing to clean up."""
    with _handlers(signal.SIG_DFL):
        yield


@contextmanager
def _handlers(handle: Callable[[int, FrameType | None], Any] | signal.Handlers) -> Iterator[bool]:
    """Install a handler; False, and nothing is done, where that is not allowed: outside the main thread."""
    # The owner of the main thread has its own.
    if threading.current_thread() is not threading.main_thread():
        yield False
        return
    # A signal that the parent chose to ignore (nohup) stays ignored.
    chosen = [signum for signum in _SIGNALS if signal.getsignal(signum) is not signal.SIG_IGN]
    before = {signum: signal.signal(signum, handle) for signum in chosen}
    try:
        yield True
    finally:
        for signum, handler in before.items():
            # None: the handler was installed from C and cannot be put back.
            signal.signal(signum, signal.SIG_DFL if handler is None else handler)
