import pytest

from swift_lib.core.progress import Outlook
from swift_lib.trainers import clock as module
from swift_lib.trainers.clock import NEVER, Interval, StepClock


class Time:
    now = 50.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(module, "time", time)
    return time


def steps(time: Time, clock: StepClock, seconds: list[float]) -> None:
    for each in seconds:
        time.now += each
        clock.step()


@pytest.mark.parametrize(
    ("interval", "done", "total", "expected"),
    [
        (NEVER, 0, 100, 0),
        (Interval(steps=20), 0, 100, 5),
        (Interval(steps=20), 20, 100, 4),
        (Interval(steps=20), 19, 100, 5),
        (Interval(steps=30), 0, 100, 4),  # at the last step, too
        (Interval(steps=500), 0, 100, 1),
        (Interval(steps=20), 100, 100, 0),
        (Interval(epoch_steps=40), 0, 120, 3),
        (Interval(epoch_steps=40), 0, 100, 3),
        (Interval(epoch_steps=40), 41, 120, 2),
    ],
)
def test_what_is_still_to_come_is_counted(interval: Interval, done: int, total: int, expected: int) -> None:
    assert interval.to_come(done, total) == expected


def test_nothing_is_promised_before_the_pace_is_known(time: Time) -> None:
    clock = StepClock()
    assert clock.outlook(0, 100) == Outlook()
    steps(time, clock, [60.0])  # a warm-up
    assert clock.outlook(1, 100) == Outlook()
    steps(time, clock, [2.0])
    assert clock.outlook(2, 100) == Outlook(2.0)
    steps(time, clock, [2.0])
    assert clock.outlook(3, 100) == Outlook(2.0, 194.0)


def test_the_pace_is_that_of_recent_steps(time: Time) -> None:
    clock = StepClock()
    steps(time, clock, [10.0] * 20 + [1.0] * 40)
    assert clock.outlook(60, 100).left == pytest.approx(40.0)


def test_slow_steps_are_averaged_over_several(time: Time) -> None:
    clock = StepClock()
    steps(time, clock, [100.0, 40.0, 60.0] * 10)
    assert clock.seconds_per_step == pytest.approx(62.5)  # of the last eight


def test_evaluations_and_saves_are_no_steps_and_are_counted_to_come(time: Time) -> None:
    clock = StepClock()
    steps(time, clock, [1.0] * 10)
    time.now += 30
    clock.evaluation()
    time.now += 5
    clock.save()
    steps(time, clock, [1.0] * 10)
    outlook = clock.outlook(20, 50, Interval(steps=10), Interval(steps=25))
    assert outlook == Outlook(1.0, 30 + 3 * 30 + 2 * 5)
    assert (clock.evaluations, clock.saves, clock.elapsed) == ([30.0], [5.0], 55.0)


def test_what_was_never_seen_is_said_to_be_missing_unless_somebody_knows_it(time: Time) -> None:
    clock = StepClock()
    steps(time, clock, [1.0] * 10)
    assert clock.outlook(10, 20, Interval(steps=20)) == Outlook(1.0, 10.0, at_least=True)
    assert clock.outlook(10, 20, Interval(steps=20), evaluation_seconds=7.0) == Outlook(1.0, 17.0)


def test_the_last_steps_of_a_short_run_are_known(time: Time) -> None:
    clock = StepClock()
    steps(time, clock, [5.0, 1.0])
    assert clock.outlook(2, 3) == Outlook(1.0, 1.0)
    steps(time, clock, [1.0])
    assert clock.outlook(3, 3) == Outlook(1.0, 0.0)
