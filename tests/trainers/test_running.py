from pathlib import Path

from swift_lib.trainers.running import Running


def test_numbers_come_back_exactly(tmp_path: Path) -> None:
    one = Running(0.1 + 0.2, 1 / 3, 7, {"token_acc": (2 / 3, 5.0)}, owes_evaluation=True)
    one.write(tmp_path, 0)
    found = Running.read(tmp_path, 0, 1)
    assert found is not None and found.loss == one.loss and found.total_loss == one.total_loss
    assert (found.logged_step, found.owes_evaluation) == (7, True)
    assert tuple(found.means["token_acc"]) == one.means["token_acc"]


def test_each_process_gets_its_own(tmp_path: Path) -> None:
    for rank in (0, 1):
        Running(float(rank), 5.0, 3).write(tmp_path, rank)
    assert [Running.read(tmp_path, rank, 2).loss for rank in (0, 1)] == [0.0, 1.0]  # type: ignore[union-attr]


def test_another_number_of_processes_shares_what_there_is(tmp_path: Path) -> None:
    """The next log line is the mean of the processes' losses, and the totals of means add up to what they were."""
    Running(1.0, 5.0, 3, {"acc": (1.0, 4.0)}).write(tmp_path, 0)
    Running(2.0, 5.0, 3, {"acc": (3.0, 4.0)}).write(tmp_path, 1)
    alone = Running.read(tmp_path, 0, 1)
    assert alone is not None and alone.loss == 1.5 and alone.means == {"acc": (4.0, 8.0)}
    three = [Running.read(tmp_path, rank, 3) for rank in range(3)]
    assert [one.loss for one in three if one] == [1.5] * 3
    assert [one.means["acc"] for one in three if one] == [(4.0, 8.0), (0.0, 0.0), (0.0, 0.0)]


def test_a_checkpoint_without_any(tmp_path: Path) -> None:
    assert Running.read(tmp_path, 0, 1) is None
