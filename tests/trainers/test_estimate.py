import numpy as np
import pytest

from swift_lib.dataloader.shard import ShardedBatches
from swift_lib.dataset.order import TrainingOrder
from swift_lib.trainers.clock import Interval
from swift_lib.trainers.estimate import (
    Pace,
    Schedule,
    Times,
    evaluation_seconds,
    fit_pace,
    forward_share,
    step_seconds,
)
from swift_lib.trainers.workload import CostLine, Workload

LENGTHS = np.array([10, 20, 30, 40])
LINE = CostLine(1.0, 0.0)


def workload(accumulation: int = 1) -> Workload:
    batches = ShardedBatches(TrainingOrder(4, 0, shuffle=False), 1)
    return Workload(batches, LENGTHS, joined=False, accumulation=accumulation, steps=4 // accumulation)


def test_a_pace_explains_batches_of_unlike_size() -> None:
    found = fit_pace([10, 20, 40], [0.1 + 1, 0.1 + 2, 0.1 + 4])
    assert (found.operation, found.batch) == pytest.approx((0.1, 0.1))


def test_batches_of_one_size_tell_no_constant() -> None:
    found = fit_pace([100, 101, 99], [2.0, 2.0, 2.0])
    assert found.batch == 0 and float(found.of(100.0)) == pytest.approx(2.0, rel=0.01)


def test_no_part_of_a_pace_is_below_zero() -> None:
    found = fit_pace([10, 40], [1.0, 5.0])  # a line through them would begin below zero
    assert found.batch == 0 and found.operation > 0


def test_a_step_is_the_mean_of_the_batches_that_come() -> None:
    assert step_seconds(workload(2), LINE, Pace(0.1, 0.5, 2.0)) == pytest.approx(2 * (0.5 + 2.5) + 2.0)


def test_an_evaluation_goes_through_all_rows_once() -> None:
    assert evaluation_seconds(workload(), LINE, Pace(0.1), forward_share=0.25) == pytest.approx(10 * 0.25)


@pytest.mark.parametrize(
    ("trains_all", "checkpointing", "share"), [(True, False, 1 / 3), (True, True, 1 / 4), (False, True, 1 / 3)]
)
def test_the_share_of_the_forward_pass(trains_all: bool, checkpointing: bool, share: float) -> None:
    assert forward_share(trains_all=trains_all, checkpointing=checkpointing) == pytest.approx(share)


def test_the_total_counts_evaluations_and_saves() -> None:
    plan = Schedule.of(100, Interval(steps=40), Interval(steps=50), done=30)
    assert plan == Schedule(70, 3, 2)
    assert Times(plan, 1.0, 10.0, 2.0).total == 70 + 30 + 4
