"""How long a training takes and how much memory, put together from what is known of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from swift_lib.trainers.clock import NEVER, Interval
from swift_lib.trainers.workload import CostLine, Workload

# Guesses until a save was seen: bytes that are written and hashed in a second, and what a save takes however small.
_SAVE_BYTES_PER_SECOND = 250e6
_SMALLEST_SAVE = 0.3


@dataclass(frozen=True)
class Pace:
    """Seconds that are spent on an operation, on a batch whatever its size, and on a step beside its batches."""

    operation: float
    batch: float = 0.0
    step: float = 0.0

    def of(self, costs: np.ndarray | float) -> Any:
        """Seconds of batches that cost so many operations."""
        return self.batch + self.operation * costs


@dataclass(frozen=True)
class Schedule:
    """How often things happen in a run: optimizer steps of `accumulation` batches, evaluations, saves."""

    steps: int
    evaluations: int = 0
    saves: int = 0

    @classmethod
    def of(cls, steps: int, evaluations: Interval = NEVER, saves: Interval = NEVER, done: int = 0) -> "Schedule":
        """After `done` steps."""
        return cls(steps - done, evaluations.to_come(done, steps), saves.to_come(done, steps))


@dataclass(frozen=True)
class Times:
    """Seconds of one step, evaluation and save, and how often they come."""

    schedule: Schedule
    step: float
    evaluation: float = 0.0
    save: float = 0.0

    @property
    def total(self) -> float:
        """Seconds of all of them."""
        plan = self.schedule
        return plan.steps * self.step + plan.evaluations * self.evaluation + plan.saves * self.save


def fit_pace(costs: Sequence[float], seconds: Sequence[float], step: float = 0.0) -> Pace:
    """The pace that explains measured batches best (least squares of the relative error), with nothing below zero.

    Where the batches cost about the same, all of it is put on the operations.
    """
    x, y = np.asarray(costs, np.float64), np.asarray(seconds, np.float64)
    assert len(x) == len(y) > 0
    slope, base = float((x / y).sum() / ((x / y) ** 2).sum()), 0.0
    if x.max() > 1.3 * x.min():
        weighted = np.stack([x / y, 1 / y], axis=1)
        line, constant = np.linalg.lstsq(weighted, np.ones(len(x)), rcond=None)[0]
        if line > 0 and constant > 0:
            slope, base = float(line), float(constant)
    return Pace(slope, base, step)


def step_seconds(workload: Workload, line: CostLine, pace: Pace) -> float:
    """The mean over the steps of a run."""
    costs = line.of(workload.rows, workload.widths())
    return float(np.mean(pace.of(costs))) * workload.accumulation + pace.step


def evaluation_seconds(workload: Workload, line: CostLine, pace: Pace, *, forward_share: float) -> float:
    """One evaluation over all of a workload's batches; forward_share: of a training batch's time."""
    costs = line.of(workload.rows, workload.widths())
    return float(np.sum(pace.of(costs))) * forward_share


def save_seconds(size: int) -> float:
    """One checkpoint of so many bytes."""
    return _SMALLEST_SAVE + size / _SAVE_BYTES_PER_SECOND


def forward_share(*, trains_all: bool, checkpointing: bool) -> float:
    """The share of the forward pass in a training batch.

    The backward pass computes two products for each of the forward pass, one for the layer's input and one for its
    weights (Kaplan et al. 2020, section 2.1); frozen weights need the first only. With gradient checkpointing the
    forward pass is computed again.
    """
    return 1 / (1 + (2 if trains_all else 1) + checkpointing)
