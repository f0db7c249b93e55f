"""Processes share every batch: the rows of a step are the same however many they are."""

import os
import random
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swift_lib.dataloader.shard import (
    BatchSamplerShard,
    OrderedRows,
    SeekableLoader,
    ShardedBatches,
    blank_labels,
)
from swift_lib.dataset.order import TrainingOrder


def shares(length: int, batch: int, world: int, *, first: int = 0, drop_last: bool = False) -> list[list[list[int]]]:
    """Batches of each process."""
    found = []
    for rank in range(world):
        batches = ShardedBatches(
            TrainingOrder(length, 9), batch, rank=rank, world_size=world, drop_last=drop_last
        )  # fmt: skip
        batches.set_epoch(2)
        batches.first = first
        found.append(list(batches))
        assert len(found[-1]) == len(batches) - first
    return found


@given(st.integers(1, 200), st.integers(1, 6), st.integers(1, 5))
def test_no_row_is_left_out_or_taken_twice(length: int, batch: int, world: int) -> None:
    rows = [row for share in shares(length, batch, world) for rows in share for row in rows]
    assert sorted(row for row in rows if row >= 0) == list(range(length))
    assert all(0 <= ~row < length for row in rows if row < 0)


@given(st.integers(1, 200), st.integers(1, 3))
def test_the_rows_of_a_step_do_not_depend_on_the_processes(length: int, batch: int) -> None:
    alone = shares(length, 2 * batch, 1)[0]
    together = shares(length, batch, 2)
    for step, rows in enumerate(alone):
        assert {row for share in together for row in share[step] if row >= 0} == set(rows)


@given(st.lists(st.integers(1, 99), min_size=1, max_size=120), st.integers(1, 3))
def test_grouping_by_length_does_not_depend_on_the_processes(lengths: list[int], batch: int) -> None:
    def share(rank: int, world: int) -> list[list[int]]:
        order = TrainingOrder(len(lengths), 9, lengths=np.array(lengths), group=3 * 2 * batch)
        return list(ShardedBatches(order, 2 * batch // world, rank=rank, world_size=world))

    for step, rows in enumerate(share(0, 1)):
        assert {row for rank in range(2) for row in share(rank, 2)[step] if row >= 0} == set(rows)


def test_an_incomplete_round_is_left_out_where_asked() -> None:
    assert [len(share) for share in shares(10, 2, 2, drop_last=True)] == [2, 2]
    assert [len(share) for share in shares(10, 2, 2)] == [3, 3]


def test_a_process_without_a_row_gets_one_that_trains_nothing() -> None:
    last = [share[-1] for share in shares(5, 2, 2)]
    assert last[0][0] == ~last[1][0]


def test_batches_from_the_middle_are_those_of_the_whole() -> None:
    assert shares(103, 4, 2, first=7)[1] == shares(103, 4, 2)[1][7:]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_begins_at_any_batch(workers: int) -> None:
    batches = ShardedBatches(TrainingOrder(50, 1), 3)
    loader = SeekableLoader.of(OrderedRows(range(50), abs), batches, collate_fn=list, num_workers=workers)
    loader.set_epoch(1)
    whole = list(loader)
    assert list(loader.at(9)) == whole[9:]
    assert list(loader) == whole


def test_a_loader_leaves_the_global_generator_alone() -> None:
    batches = ShardedBatches(TrainingOrder(8, 1), 2)
    loader = SeekableLoader.of(OrderedRows(range(8), abs), batches, collate_fn=_noisy)
    before = torch.get_rng_state()
    list(loader)
    assert torch.equal(before, torch.get_rng_state())


def _noisy(rows: list[int]) -> list[float]:
    """A plugin's collator that draws from all generators."""
    return [*rows, random.random(), float(np.random.rand()), float(torch.rand(()))]


def test_what_a_collator_draws_follows_from_epoch_and_rows() -> None:
    def drawn(workers: int, seed: int = 3) -> list[list[list[float]]]:
        batches = ShardedBatches(TrainingOrder(20, 1), 3)
        loader = SeekableLoader.of(
            OrderedRows(range(20), abs), batches, collate_fn=_noisy, seed=seed, num_workers=workers
        )
        epochs = []
        for epoch in (0, 1):
            loader.set_epoch(epoch)
            epochs.append(list(loader))
        assert list(loader.at(4)) == epochs[1][4:]
        return epochs

    here = drawn(0)
    assert drawn(2) == here != drawn(0, seed=4)
    draws = {batch[-1] for epoch in here for batch in epoch}
    assert len(draws) == sum(map(len, here)), "each batch of each epoch draws anew"


@pytest.mark.skipif(not hasattr(os, "getpgid"), reason="no process groups here")
def test_workers_do_not_get_the_signals_of_our_group() -> None:
    batches = ShardedBatches(TrainingOrder(4, 1), 2)
    loader = SeekableLoader.of(OrderedRows(range(4), abs), batches, collate_fn=_group, num_workers=1)
    assert all(group not in (os.getpgid(0), 0) for group in loader)


def _group(rows: list[int]) -> int:
    return os.getpgid(0)


def test_blank_rows_keep_their_tokens_and_train_none() -> None:
    row = {"input_ids": [1, 2], "labels": [-100, 2], "row_id": 0}
    assert blank_labels(row) == {"input_ids": [1, 2], "labels": [-100, -100], "row_id": 0}
    assert blank_labels([row, row])[1]["labels"] == [-100, -100]


def documented(total: int, rank: int, world: int, **options: Any) -> list[list[int]]:
    return list(BatchSamplerShard(total, 2, data_seed=42, rank=rank, world_size=world, **options))


def test_the_documents_shard_of_one_process() -> None:
    assert documented(10, 0, 1) == [[2, 6], [1, 8], [4, 5], [0, 9], [3, 7]]


def test_the_documents_shards_leave_out_what_does_not_divide() -> None:
    shares = [documented(10, rank, 3) for rank in range(3)]
    assert [len(share) for share in shares] == [2, 2, 2]
    assert sorted(row for share in shares for batch in share for row in batch) == list(range(9))


def test_the_documents_shards_shuffle_each_epoch_otherwise_and_drop_where_asked() -> None:
    shard = BatchSamplerShard(7, 2, data_seed=1, rank=0, world_size=1, drop_last=True)
    first = list(shard)
    shard.set_epoch(1)
    assert len(shard) == len(list(shard)) == 3 and list(shard) != first
    assert documented(5, 0, 1, shuffle=False) == [[0, 1], [2, 3], [4]]


def test_the_documents_shards_put_like_lengths_together() -> None:
    lengths = [1, 9, 2, 8, 3, 7, 4, 6]
    batches = documented(8, 0, 1, group_by_length=True, lengths=lengths)
    assert [[lengths[row] for row in batch] for batch in batches] == [[9, 8], [7, 6], [4, 3], [2, 1]]
