import numpy as np
import pytest

from swift_lib.dataloader.shard import ShardedBatches
from swift_lib.dataset.order import TrainingOrder
from swift_lib.trainers.fake_step import BatchShape
from swift_lib.trainers.workload import CostLine, Workload, step_count

LENGTHS = np.random.RandomState(0).randint(5, 90, 101)


def batches(size: int, world: int = 1, shuffle: bool = True) -> ShardedBatches:
    return ShardedBatches(TrainingOrder(len(LENGTHS), 7, shuffle=shuffle), size, world_size=world)


def workload(
    size: int = 4, world: int = 1, *, joined: bool = False, accumulation: int = 2, steps: int = 40
) -> Workload:
    return Workload(batches(size, world), LENGTHS, joined=joined, accumulation=accumulation, steps=steps)


def drawn(size: int, world: int, epoch: int, joined: bool) -> list[int]:
    """The length of each batch as the loader of the slowest process gets it, the plain way."""
    found = []
    for rank in range(world):
        share = ShardedBatches(batches(size).order, size, rank=rank, world_size=world)
        share.set_epoch(epoch)
        rows = [[LENGTHS[row if row >= 0 else ~row] for row in batch] for batch in share]
        found.append([sum(each) if joined else max(each) for each in rows])
    return [max(together) for together in zip(*found, strict=True)]


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize(("size", "world"), [(4, 1), (3, 2), (1, 1)])
def test_lengths_are_those_of_the_batches_that_come(size: int, world: int, joined: bool) -> None:
    work = workload(size, world, joined=joined, steps=60)
    expected = drawn(size, world, 0, joined) + drawn(size, world, 1, joined)
    found = np.concatenate(list(work.lengths_of_steps(0, 2 * work.epoch_steps)))
    assert found.tolist() == expected


def test_steps_are_counted_as_transformers_does() -> None:
    work = workload()
    assert work.epoch_steps == 13  # 26 batches, two a step
    assert [len(widths) for widths in work.lengths_of_steps(11, 15)] == [2, 2, 2, 2]
    assert (step_count(3.0, -1, 13), step_count(0.5, -1, 13), step_count(3.0, 20, 13)) == (39, 7, 20)


def test_any_step_is_found_at_once() -> None:
    work = workload(steps=100)
    everything = [widths.tolist() for widths in work.lengths_of_steps()]
    assert [widths.tolist() for widths in work.lengths_of_steps(50, 70)] == everything[50:70]


def test_a_run_of_very_many_epochs_is_judged_by_its_beginning() -> None:
    """Nobody waits for the lengths of all its steps between two of them."""
    assert len(workload(steps=10**9).widths()) == 64 * 26


def test_the_longest_batch_is_the_one_with_the_longest_row() -> None:
    assert workload().longest() == BatchShape(4, LENGTHS.max(), 4 * LENGTHS.max(), masked=True)
    few = workload(steps=2)
    assert few.longest().length == max(widths.max() for widths in few.lengths_of_steps())
    joined = workload(joined=True)
    assert joined.longest().tokens == max(drawn(4, 1, 0, True) + drawn(4, 1, 1, True) + drawn(4, 1, 2, True))
    assert joined.longest().rows == 1 and joined.longest().joined


def test_a_batch_needs_a_mask_where_rows_differ_or_lie_side_by_side() -> None:
    assert workload(1).longest().masked is False
    assert workload(4).longest().masked and workload(4, joined=True).longest().masked
    packs = Workload(batches(1), LENGTHS, joined=True, accumulation=1, steps=5, units=300)
    assert packs.longest().masked


def test_the_trained_share_of_a_batch() -> None:
    work = Workload(batches(4), LENGTHS, joined=False, accumulation=1, steps=9, trained_share=0.25)
    assert work.batch(100).trained == 100


def test_tokens_of_a_step_are_without_padding() -> None:
    assert workload(4).tokens_per_step == pytest.approx(LENGTHS.mean() * 4 * 2)


def test_a_line_goes_through_two_measured_batches() -> None:
    line = CostLine(3.0, 0.5)
    one, two = BatchShape(2, 10, 5), BatchShape(1, 40, 5)
    found = CostLine.through((one, float(line.of(2, 10))), (two, float(line.of(1, 40))))
    assert (found.linear, found.quadratic) == pytest.approx((3.0, 0.5))
    joined = BatchShape(2, 10, 5, joined=True)
    assert CostLine.through((joined, 400.0), (joined, 400.0)) == CostLine(20.0, 0.0)
