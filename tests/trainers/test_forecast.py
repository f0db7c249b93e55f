from types import SimpleNamespace

import numpy as np
import pytest
import torch

from swift_lib.dataloader.shard import ShardedBatches
from swift_lib.dataset.order import TrainingOrder
from swift_lib.trainers import clock as clock_module
from swift_lib.trainers import forecast as module
from swift_lib.trainers.clock import Interval, StepClock
from swift_lib.trainers.forecast import Course, Forecast, Forecaster, judged, told
from swift_lib.trainers.memory import GIB
from swift_lib.trainers.workload import CostLine, Workload

LENGTHS = np.array([10, 10, 10, 20, 20, 40])


class World:
    """A clock and a memory that do as they are told."""

    now, current, peak = 0.0, GIB, GIB

    def step(self, clock: StepClock, seconds: float) -> None:
        self.now += seconds
        clock.step()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    monkeypatch.setattr(clock_module, "time", SimpleNamespace(monotonic=lambda: world.now))
    monkeypatch.setattr(module, "current_bytes", lambda: world.current)
    monkeypatch.setattr(module, "peak_bytes", lambda: world.peak)
    return world


def forecaster(steps: int, validation: Workload | None = None) -> Forecaster:
    found = Forecaster(lambda: Course(workload(steps), validation, CostLine(1.0, 0.0), 0.5))
    found.start(0)
    return found


def workload(steps: int = 6, lengths: np.ndarray = LENGTHS) -> Workload:
    batches = ShardedBatches(TrainingOrder(len(lengths), 0, shuffle=False), 1)
    return Workload(batches, lengths, joined=False, accumulation=1, steps=steps)


def test_the_first_three_steps_foretell_the_rest(world: World) -> None:
    """Each token takes a tenth of a second; the first step, a warm-up, says nothing."""
    clock, found = StepClock(), forecaster(60, workload())
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    for seconds in (9.0, 1.0):
        world.step(clock, seconds)
        assert found.step(clock, optimizer, 60) is None
    world.step(clock, 1.0)
    forecast = found.step(clock, optimizer, 60, evaluations=Interval(steps=30), saves=Interval(steps=30))
    assert forecast is not None
    mean = 0.1 * LENGTHS.mean()
    assert forecast.times.step == pytest.approx(mean)
    assert forecast.times.evaluation == pytest.approx(11.0 / 2)
    assert forecast.seconds == pytest.approx(11.0 + 57 * mean + 2 * (5.5 + 0.3), abs=0.01)
    world.step(clock, 1.0)
    assert found.step(clock, optimizer, 60) is None and found.forecast == forecast


def test_the_peak_grows_with_the_longest_batch_to_come(world: World) -> None:
    """256 MiB of activations with rows of 10 tokens are 1 GiB with 40; libraries, states and logits stay."""
    clock, found = StepClock(), forecaster(6)
    parameter = torch.nn.Parameter(torch.zeros(2**20))  # 4 MiB, and 8 of AdamW's moments
    optimizer = torch.optim.AdamW([parameter])
    parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for _ in range(3):
        world.step(clock, 1.0)
    world.peak = GIB + (12 + 64 + 256) * 2**20
    forecast = found.step(clock, optimizer, 6)
    assert forecast is not None
    assert forecast.peak == pytest.approx(GIB + (12 + 64 + 1024) * 2**20, rel=1e-6)


def test_a_resumed_run_is_foretold_from_where_it_goes_on(world: World) -> None:
    clock, found = StepClock(), forecaster(12)
    found.start(6)
    for _ in range(3):
        world.step(clock, 1.0)
    forecast = found.step(clock, None, 12)
    assert forecast is not None and forecast.times.schedule.steps == 3


def test_a_run_of_three_steps_is_over_before_it_is_foretold(world: World) -> None:
    clock, found = StepClock(), forecaster(3)
    for _ in range(3):
        world.step(clock, 1.0)
    assert found.step(clock, None, 3) is None and found.forecast is None


def test_the_forecast_and_how_right_it_was_are_said(world: World) -> None:
    clock, found = StepClock(), forecaster(60, workload())
    for _ in range(3):
        world.step(clock, 1.0)
    forecast = found.step(clock, None, 60, evaluations=Interval(steps=60))
    assert forecast is not None
    assert "1 min 53 s in all (57 more steps of 1.83 s, 1 evaluation of 5.5 s)" in told(forecast)
    words, figures = judged(Forecast(90.0, 11 * GIB, forecast.times), 100.0, 10 * GIB)
    assert "1 min 30 s and 11.00 GiB; it took 1 min 40 s (the estimate is -10.0% off) and 10.00 GiB (+10.0%)" in words
    assert figures["estimate_time_error"] == pytest.approx(-0.1)
    assert figures["estimate_memory_error"] == pytest.approx(0.1)
