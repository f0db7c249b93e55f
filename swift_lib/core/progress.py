"""How far something long has come: a bar on a terminal, a plain line now and then in a log."""

import logging
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import NamedTuple, TypeVar

from swift_lib.core import environment
from swift_lib.core.signals import check_stopped

logger = logging.getLogger(__name__)

T = TypeVar("T")

_QUIET_SECONDS = 2.0  # what is done by then needs no progress
_BAR_SECONDS = 0.1
_LINE_SECONDS = 5.0
_WINDOW_SECONDS = 30.0  # the remaining time follows the recent pace, not the pace of a warm-up
_WIDTH = 24


class Outlook(NamedTuple):
    """Seconds that one unit takes and seconds that remain, None where that is not known yet.

    at_least: something that is still to come is not in `left`, because nobody knows how long it takes.
    """

    each: float | None = None
    left: float | None = None
    at_least: bool = False


class Progress:
    """Counts `unit`s up to `total` (None: unknown). Use as a context manager with `update`, or `wrap` an iterable.

    done: what was done before, which says nothing about the pace. outlook: asked for pace and remaining time where the
    recent pace of the units does not tell them, say because other work lies between. line_seconds: between two lines of
    a log.
    """

    def __init__(
        self,
        total: int | None,
        label: str,
        unit: str = "rows",
        *,
        done: int = 0,
        outlook: Callable[[], Outlook] | None = None,
        line_seconds: float = _LINE_SECONDS,
    ) -> None:
        self.total, self.label, self.unit = total, label, unit
        self.done = self._before = done
        self._outlook = outlook
        self._start = time.monotonic()
        self._samples: deque[tuple[float, int]] = deque([(self._start, done)])
        self._is_bar = sys.stderr.isatty()
        self._every = _BAR_SECONDS if self._is_bar else line_seconds
        self._shown_at = self._start + _QUIET_SECONDS - self._every
        self._has_shown = False
        self._enabled = environment.rank() == 0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(failed=error is not None)

    def wrap(self, items: Iterable[T]) -> Iterator[T]:
        """Yield the items, counting each after it was used."""
        with self:
            for item in items:
                yield item
                self.update()

    def update(self, count: int = 1) -> None:
        """`count` more are done."""
        self.set(self.done + count)

    def set(self, done: int) -> None:
        """`done` are done altogether. Raises Interrupted after a signal: every long loop comes through here."""
        check_stopped()
        self.done = done
        now = time.monotonic()
        if now - self._shown_at >= self._every:
            self._shown_at = now
            self._show(now)

    def told(self) -> None:
        """A line of the log has just said how far it is, so that the next one of ours can wait."""
        if not self._is_bar:
            self._shown_at = time.monotonic()

    def close(self, failed: bool = False) -> None:
        """Show the end, if anything was shown before."""
        if not self._has_shown or not self._enabled:
            return
        text = self.text(time.monotonic(), ended=True) + (" (stopped)" if failed else "")
        if self._is_bar:
            sys.stderr.write(f"\r\x1b[K{text}\n")
            sys.stderr.flush()
        else:
            logger.info("%s", text)

    def rate(self, now: float) -> float:
        """Units per second over the last half minute; time since the last unit counts, so a stall shows."""
        while len(self._samples) > 1 and now - self._samples[1][0] > _WINDOW_SECONDS:
            self._samples.popleft()
        then, done = self._samples[0]
        return (self.done - done) / (now - then) if now > then else 0.0

    def text(self, now: float, ended: bool = False) -> str:
        """`label: 120/400 rows (30%), 41.2 rows/s, 6 s left`."""
        elapsed = now - self._start
        count = f"{self.done:,}" if self.total is None else f"{self.done:,}/{self.total:,}"
        share = f" ({self.done / self.total:.0%})" if self.total else ""
        outlook = self._outlook() if self._outlook else self._own_outlook(now, ended)
        parts = [f"{self.label}: {count} {self.unit}{share}"]
        if outlook.each is not None:
            parts.append(self._pace(outlook.each))
        if ended:
            parts.append(f"took {seconds_text(elapsed)}")
        elif outlook.left is not None:
            parts.append(left_text(outlook))
        return ", ".join(parts)

    def _own_outlook(self, now: float, ended: bool) -> Outlook:
        elapsed = now - self._start
        pace = (self.done - self._before) / elapsed if ended and elapsed > 0 else self.rate(now)
        if pace <= 0:
            return Outlook(float("inf"))
        return Outlook(1 / pace, max(0, self.total - self.done) / pace if self.total else None)

    def _pace(self, each: float) -> str:
        """Units a second, or seconds a unit where they are slow and somebody counts in them."""
        if self._outlook is not None and each >= 1:
            return f"{each:.3g} s/{self.unit.removesuffix('s')}"
        return f"{1 / each:,.1f} {self.unit}/s"

    def _show(self, now: float) -> None:
        if not self._enabled:
            return
        text = self.text(now)
        if self._outlook is None:
            self._samples.append((now, self.done))
        self._has_shown = True
        if not self._is_bar:
            logger.info("%s", text)
            return
        filled = round(_WIDTH * min(1.0, self.done / self.total)) if self.total else 0
        bar = f"[{'#' * filled}{'.' * (_WIDTH - filled)}] " if self.total else ""
        sys.stderr.write(f"\r\x1b[K{bar}{text}")
        sys.stderr.flush()


def seconds_text(seconds: float) -> str:
    """75 -> "1 min 15 s"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def left_text(outlook: Outlook) -> str:
    """`2 min 5 s left`, `more than 2 min 5 s left`; "" where nobody knows yet."""
    if outlook.left is None:
        return ""
    return f"{'more than ' if outlook.at_least else ''}{seconds_text(outlook.left)} left"
