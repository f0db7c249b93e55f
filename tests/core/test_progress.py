import logging

import pytest

from swift_lib.core import progress
from swift_lib.core.progress import Outlook, Progress, seconds_text


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    caplog.set_level(logging.INFO)
    return clock


def run(clock: Clock, seconds_each: list[float], total: int | None) -> None:
    with Progress(total, "encode", "rows") as bar:
        for seconds in seconds_each:
            clock.now += seconds
            bar.update()


def test_what_is_done_in_two_seconds_shows_nothing(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    run(clock, [0.1] * 15, 15)
    assert not caplog.records


def test_a_log_gets_a_line_every_few_seconds_and_one_at_the_end(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    run(clock, [1.0] * 20, 20)
    lines = [record.message for record in caplog.records]
    assert lines[0] == "encode: 2/20 rows (10%), 1.0 rows/s, 18 s left"
    assert len(lines) == 5
    assert lines[-1] == "encode: 20/20 rows (100%), 1.0 rows/s, took 20 s"


def test_the_remaining_time_follows_the_recent_pace(clock: Clock) -> None:
    bar = Progress(1000, "x")
    for seconds in [10.0] * 20 + [0.1] * 480:  # a slow warm-up
        clock.now += seconds
        bar.update()
    assert "50 s left" in bar.text(clock.now)


def test_a_stall_makes_the_remaining_time_grow(clock: Clock) -> None:
    bar = Progress(100, "x")
    clock.now += 10
    bar.set(50)
    assert "10 s left" in bar.text(clock.now)
    assert "30 s left" in bar.text(clock.now + 20)


def test_an_unknown_total_promises_no_end(clock: Clock) -> None:
    bar = Progress(None, "x", "files")
    clock.now += 4
    bar.set(8)
    assert bar.text(clock.now) == "x: 8 files, 2.0 files/s"


def test_what_was_done_before_says_nothing_about_the_pace(clock: Clock) -> None:
    bar = Progress(100, "x", done=90)
    clock.now += 5
    bar.set(95)
    assert bar.text(clock.now) == "x: 95/100 rows (95%), 1.0 rows/s, 5 s left"


def test_somebody_who_knows_better_is_asked_for_pace_and_remaining_time(clock: Clock) -> None:
    bar = Progress(100, "train", "steps", outlook=lambda: Outlook(2.5, 250.0, at_least=True))
    bar.set(10)
    assert bar.text(clock.now) == "train: 10/100 steps (10%), 2.5 s/step, more than 4 min 10 s left"
    unknown = Progress(100, "train", "steps", outlook=Outlook)
    assert unknown.text(clock.now) == "train: 0/100 steps (0%)"


def test_a_line_of_somebody_elses_replaces_ours(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with Progress(100, "x") as bar:
        for _ in range(9):
            clock.now += 1
            bar.told()
            bar.update()
        assert not caplog.records
        clock.now += 6
        bar.update()
    assert len(caplog.records) == 2


def test_a_terminal_gets_a_bar(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    run(clock, [1.0] * 4, 4)
    text = capsys.readouterr().err
    assert "[##################......] encode: 3/4" in text and text.endswith("took 4 s\n")


def test_a_failure_is_said(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(ValueError, match="boom"), Progress(10, "x") as bar:
        clock.now += 3
        bar.update()
        raise ValueError("boom")
    assert caplog.records[-1].message.endswith("(stopped)")


def test_wrap_passes_items_through_and_counts_them() -> None:
    bar = Progress(3, "x")
    assert list(bar.wrap("abc")) == ["a", "b", "c"] and bar.done == 3


def test_other_ranks_are_silent(
    clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "1")
    run(clock, [3.0] * 5, 5)
    assert not caplog.records


def test_seconds_read_well() -> None:
    assert [seconds_text(seconds) for seconds in (4.4, 75, 3700)] == ["4 s", "1 min 15 s", "1 h 1 min"]
