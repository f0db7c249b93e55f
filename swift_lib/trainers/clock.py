"""Where the time of a training run goes: steps, evaluations, saves; and how much of each is still to come."""

import math
import time
from collections import deque
from dataclasses import dataclass

from swift_lib.core.progress import Outlook

_WINDOW_SECONDS = 30.0  # the remaining time follows the recent steps,
_WINDOW_STEPS = 8  # but at least so many where they are slow
_WARM_UP = 1  # steps at the start that say nothing about the others: buffers are made, kernels chosen
_SURE = 2  # steps after them that a promise needs


@dataclass(frozen=True)
class Interval:
    """When something happens in training: every so many steps, at the end of each epoch, or never.

    steps: between two times; 0: it goes by epochs, of `epoch_steps` steps. It happens at the last step, too.
    """

    steps: int = 0
    epoch_steps: int = 0

    def to_come(self, done: int, total: int) -> int:
        """How often between the steps `done` (exclusive) and `total` (inclusive)."""
        every = self.steps or self.epoch_steps
        if not every or done >= total:
            return 0
        return math.ceil(total / every) - done // every


NEVER = Interval()


class StepClock:
    """Splits the time since `start` into steps, evaluations and saves; everything in seconds, of this run only."""

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.evaluations: list[float] = []
        self.saves: list[float] = []
        self._recent: deque[float] = deque()
        self._begin = self._mark = time.monotonic()

    def start(self) -> None:
        """Training begins now."""
        self._begin = self._mark = time.monotonic()

    def step(self) -> None:
        """An optimizer step has ended; what it took includes the reading of its rows."""
        self.steps.append(self._lap())
        if len(self.steps) > _WARM_UP:
            self._recent.append(self.steps[-1])
        while len(self._recent) > _WINDOW_STEPS and sum(self._recent) - self._recent[0] > _WINDOW_SECONDS:
            self._recent.popleft()

    def evaluation(self) -> None:
        """An evaluation has ended."""
        self.evaluations.append(self._lap())

    def save(self) -> None:
        """A checkpoint has been written to its end."""
        self.saves.append(self._lap())

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._begin

    @property
    def seconds_per_step(self) -> float | None:
        """The recent pace of steps alone; None before it is known."""
        return sum(self._recent) / len(self._recent) if self._recent else None

    def outlook(
        self,
        done: int,
        total: int,
        evaluations: Interval = NEVER,
        saves: Interval = NEVER,
        *,
        evaluation_seconds: float | None = None,
        save_seconds: float | None = None,
    ) -> Outlook:
        """Pace and remaining time after `done` of `total` steps.

        evaluation_seconds and save_seconds: what one is thought to take before one was seen.
        """
        each = self.seconds_per_step
        if each is None or len(self._recent) < min(_SURE, total - done):
            return Outlook(each)
        left, at_least = each * (total - done), False
        for interval, seen, thought in (
            (evaluations, self.evaluations, evaluation_seconds),
            (saves, self.saves, save_seconds),
        ):
            count = interval.to_come(done, total)
            one = sum(seen) / len(seen) if seen else thought
            if count and one is None:
                at_least = True
            else:
                left += count * (one or 0.0)
        return Outlook(each, left, at_least)

    def _lap(self) -> float:
        now = time.monotonic()
        seconds, self._mark = now - self._mark, now
        return seconds
