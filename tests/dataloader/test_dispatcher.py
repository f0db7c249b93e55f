"""One process reads, all get the batches that shards would give them."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from torch import distributed

from swift_lib.dataloader.dispatcher import AllBatches, DataLoaderDispatcher, DispatchedLoader
from swift_lib.dataloader.shard import OrderedRows, SeekableLoader, ShardedBatches
from swift_lib.dataset.order import TrainingOrder

_SPEC = importlib.util.spec_from_file_location("forked", Path(__file__).parents[1] / "forked.py")
assert _SPEC and _SPEC.loader
forked = importlib.util.module_from_spec(_SPEC)
sys.modules["forked"] = forked
_SPEC.loader.exec_module(forked)


def dealt(rank: int, batches: list[str]) -> list[Any]:
    return list(DataLoaderDispatcher(batches if rank == 0 else []))


@pytest.mark.parametrize(("count", "each"), [(6, 3), (7, 3), (1, 0), (0, 0)])
def test_batches_are_dealt_out_in_turn_and_an_incomplete_round_is_dropped(count: int, each: int) -> None:
    batches = [f"batch {at}" for at in range(count)]
    assert forked.together(dealt, 2, batches) == [batches[: 2 * each : 2], batches[1 : 2 * each : 2]]


class Unseen:
    """The rows of a process that cannot read them."""

    def __len__(self) -> int:
        return 23

    def __getitem__(self, index: int) -> Any:
        raise AssertionError("this process does not see the data")


def trained(rank: int, size: int, first: int) -> list[Any]:
    batches = AllBatches(TrainingOrder(23, 5), 3, rank=rank, world_size=size)
    rows = OrderedRows(range(23) if rank == 0 else Unseen(), lambda row: -row)
    loader = SeekableLoader.of(rows, batches, collate_fn=list)
    dispatched = DispatchedLoader(loader, rank=rank, group=distributed.group.WORLD)
    dispatched.set_epoch(2)
    found = list(dispatched.at(first))
    assert len(dispatched) == len(found) + first and dispatched.batches is batches  # a run is foretold from them
    return found


@pytest.mark.parametrize("first", [0, 2])
def test_no_row_is_left_out_where_only_one_process_sees_them(first: int) -> None:
    expected = []
    for rank in range(2):
        batches = ShardedBatches(TrainingOrder(23, 5), 3, rank=rank, world_size=2)
        batches.set_epoch(2)
        expected.append(list(batches)[first:])
    assert forked.together(trained, 2, 2, first) == expected
