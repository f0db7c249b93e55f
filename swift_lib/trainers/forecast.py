"""What a training that has begun will take in all, told by its own first steps; and how right that was in the end."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from swift_lib.core.progress import seconds_text
from swift_lib.trainers.clock import NEVER, Interval, StepClock
from swift_lib.trainers.estimate import (
    Schedule,
    Times,
    evaluation_seconds,
    fit_pace,
    save_seconds,
    step_seconds,
)
from swift_lib.trainers.memory import GIB, capacity_bytes, current_bytes, peak_bytes
from swift_lib.trainers.workload import CostLine, Workload

logger = logging.getLogger(__name__)

STEPS = 3
_CHUNK_BYTES = 2**26  # of the loss's logits, which do not grow with the batch


@dataclass(frozen=True)
class Forecast:
    """seconds: of this run from its start to its end; peak: bytes of this process while training."""

    seconds: float
    peak: int
    times: Times


@dataclass(frozen=True)
class Course:
    """The batches that a run trains on and validates with.

    line: how the batches' costs compare; forward_share: see `estimate.forward_share`.
    """

    workload: Workload
    validation: Workload | None
    line: CostLine
    forward_share: float


class Forecaster:
    """Watches the first steps of a run. course: asked for after them, since it looks at the length of every row."""

    def __init__(self, course: Callable[[], Course]) -> None:
        self._course = course
        self._begin = self._base = 0
        self.forecast: Forecast | None = None

    def start(self, done: int) -> None:
        """Training begins, `done` steps having been made by an earlier run."""
        self._begin, self._base = done, current_bytes()

    def step(
        self,
        clock: StepClock,
        optimizer: torch.optim.Optimizer | None,
        total: int,
        *,
        evaluations: Interval = NEVER,
        saves: Interval = NEVER,
    ) -> Forecast | None:
        """A step of `total` has ended; the forecast once enough of them have.

        None before, after, and for a run that is over by then.
        """
        done = self._begin + len(clock.steps)
        if len(clock.steps) != STEPS or done >= total:
            return None
        course = self._course()
        work, line = course.workload, course.line
        costs = [float(line.of(work.rows, widths).sum()) for widths in work.lengths_of_steps(self._begin, done)]
        pace = fit_pace([sum(costs[1:])], [sum(clock.steps[1:])])  # the first step warms up
        evaluation = 0.0
        if course.validation is not None:
            evaluation = evaluation_seconds(course.validation, line, pace, forward_share=course.forward_share)
        trained, state = _bytes_of(optimizer)
        times = Times(
            Schedule.of(total, evaluations, saves, done),
            step_seconds(work, line, pace),
            evaluation,
            save_seconds(trained + state),
        )
        self.forecast = Forecast(clock.elapsed + times.total, self._peak(work, done, trained + state), times)
        return self.forecast

    def _peak(self, work: Workload, done: int, static: int) -> int:
        """What grows with the batch is scaled up to the longest one."""
        seen = max(int(widths.max()) for widths in work.lengths_of_steps(self._begin, done))
        growth = max(1.0, work.longest().tokens / work.batch(seen).tokens)
        fixed = self._base + static + _CHUNK_BYTES
        return int(peak_bytes() + max(0, peak_bytes() - fixed) * (growth - 1))


def told(forecast: Forecast) -> str:
    """The forecast in words."""
    plan, times = forecast.times.schedule, forecast.times
    parts = [f"{plan.steps:,} more steps of {times.step:.3g} s"]
    if plan.evaluations:
        parts.append(f"{plan.evaluations:,} evaluation{'s' * (plan.evaluations > 1)} of {times.evaluation:.3g} s")
    if plan.saves:
        parts.append(f"{plan.saves:,} save{'s' * (plan.saves > 1)} of {times.save:.3g} s")
    return (
        f"estimate from the first {STEPS} steps: {seconds_text(forecast.seconds)} in all ({', '.join(parts)}), "
        f"peak memory {forecast.peak / GIB:.2f} of {capacity_bytes() / GIB:.1f} GiB"
    )


def judged(forecast: Forecast, seconds: float, peak: int) -> tuple[str, dict[str, float]]:
    """How right it was, in words and as figures; errors are shares of what was measured, above 0 where too high."""
    errors = {"time": forecast.seconds / seconds - 1, "memory": forecast.peak / peak - 1}
    words = (
        f"the estimate said {seconds_text(forecast.seconds)} and {forecast.peak / GIB:.2f} GiB; it took "
        f"{seconds_text(seconds)} (the estimate is {errors['time']:+.1%} off) and {peak / GIB:.2f} GiB "
        f"({errors['memory']:+.1%})"
    )
    figures = {
        "estimated_seconds": forecast.seconds,
        "estimated_peak_gib": forecast.peak / GIB,
        "estimate_time_error": errors["time"],
        "estimate_memory_error": errors["memory"],
    }
    return words, figures


def _bytes_of(optimizer: Any) -> tuple[int, int]:
    """Of what is trained, and of the optimizer's state."""
    if optimizer is None:
        return 0, 0
    inner = getattr(optimizer, "optimizer", optimizer)  # accelerate's wrapper
    trained = sum(p.numel() * p.element_size() for group in inner.param_groups for p in group["params"])
    states: list[Mapping[str, Any]] = list(inner.state.values())
    values = [value for state in states for value in state.values() if isinstance(value, torch.Tensor)]
    return trained, sum(value.numel() * value.element_size() for value in values)
