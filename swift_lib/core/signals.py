"""Ending well when the platform asks for it."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from swift_lib.core.errors import Interrupted

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name))


class StopFlag:
    """Set by the first signal; poll it between steps: `if flag: save and leave`."""

    def __init__(self) -> None:
        self.signum: int | None = None

    def __bool__(self) -> bool:
        return self.signum is not None

    def check(self) -> None:
        """Raise Interrupted if a signal has arrived."""
        if self.signum is not None:
            raise Interrupted(self.signum)


@contextmanager
def stop_flag() -> Iterator[StopFlag]:
    """SIGTERM, SIGINT and SIGHUP set a flag; a second signal raises Interrupted at once."""
    flag = StopFlag()

    def handle(signum: int, _frame: FrameType | None) -> None:
        flag.check()
        flag.signum = signum

    with _handlers(handle):
        yield flag


@contextmanager
def raise_on_signals() -> Iterator[None]:
    """SIGTERM, SIGINT and SIGHUP raise Interrupted where the main thread stands, so that `finally` blocks run."""

    def handle(signum: int, _frame: FrameType | None) -> None:
        raise Interrupted(signum)

    with _handlers(handle):
        yield


@contextmanager
def _handlers(handle: Callable[[int, FrameType | None], Any]) -> Iterator[None]:
    # Python allows handlers in the main thread only; elsewhere the owner of that thread has its own.
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A signal that the parent chose to ignore (nohup) stays ignored.
    chosen = [signum for signum in _SIGNALS if signal.getsignal(signum) is not signal.SIG_IGN]
    before = {signum: signal.signal(signum, handle) for signum in chosen}
    try:
        yield
    finally:
        for signum, handler in before.items():
            # None: the handler was installed from C and cannot be put back.
            signal.signal(signum, signal.SIG_DFL if handler is None else handler)
