"""Each process reads its own share of every batch."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import distributed
from torch.utils.data import DataLoader, Dataset, Sampler

from swift_lib.core.seeding import derive_seed, drawn_from

_BLOCK = 1 << 13  # positions that are turned into rows at a time
_GROUPED_BATCHES = 50  # that are sorted by length together


class Order(Protocol):
    """Which row stands at which position of an epoch (dataset.order.TrainingOrder)."""

    length: int

    def rows(self, epoch: int, start: int, stop: int) -> np.ndarray:
        """The rows at the positions start to stop."""


class ShardedBatches(Sampler[list[int]]):
    """The batches of one process: of each `world_size * batch_size` positions those that are its own.

    Process r takes the positions r, r + world_size and so on, so that the rows of a step do not depend on how many
    processes share them. No row is left out or taken twice: the last batches may be smaller, and a process for which
    nothing is left gets one row that trains nothing, written as its complement (``~row``). With `drop_last` an
    incomplete round is left out instead.
    """

    def __init__(
        self, order: Order, batch_size: int, *, rank: int = 0, world_size: int = 1, drop_last: bool = False
    ) -> None:
        assert 0 <= rank < world_size
        self.order, self.batch_size = order, batch_size
        self.rank, self.world_size, self.drop_last = rank, world_size, drop_last
        self.epoch = self.first = 0

    @property
    def span(self) -> int:
        """Positions that all processes together take at a time."""
        return self.batch_size * self.world_size

    def set_epoch(self, epoch: int) -> None:
        """Give the order of another epoch from now on."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Batches of an epoch, on every process alike."""
        whole, rest = divmod(self.order.length, self.span)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        return (self._share(together, self.rank) for together in self._together())

    def _together(self) -> Iterator[list[int]]:
        """The rows of each batch of all processes."""
        per_block = max(1, _BLOCK // self.span)
        for begin in range(self.first, len(self), per_block):
            end = min(begin + per_block, len(self))
            rows = self.order.rows(self.epoch, begin * self.span, min(end * self.span, self.order.length)).tolist()
            yield from (rows[at : at + self.span] for at in range(0, len(rows), self.span))

    def _share(self, together: list[int], rank: int) -> list[int]:
        return together[rank :: self.world_size] or [~together[0]]


class BatchSamplerShard(Sampler[list[int]]):
    """The documents' way of sharing rows: equal shares, and what does not divide is left out of every epoch.

    The rows that all shares hold are shuffled together, each epoch otherwise; process r takes the places r,
    r + world_size and so on. Our trainers use `ShardedBatches`, which leaves out nothing.
    """

    def __init__(
        self,
        total_samples: int,
        batch_size: int,
        shuffle: bool = True,
        drop_last: bool = False,
        data_seed: int | None = None,
        *,
        rank: int | None = None,
        world_size: int | None = None,
        group_by_length: bool = False,
        lengths: Sequence[int] | None = None,
    ) -> None:
        """rank and world_size: None takes those of torch.distributed; lengths: of the rows, to group them by."""
        together = distributed.is_available() and distributed.is_initialized()
        self.rank = (distributed.get_rank() if together else 0) if rank is None else rank
        self.world_size = (distributed.get_world_size() if together else 1) if world_size is None else world_size
        self.total_samples = total_samples // self.world_size
        self.batch_size, self.shuffle, self.drop_last = batch_size, shuffle, drop_last
        self.base_seed, self.curr_seed = data_seed or 0, data_seed or 0
        self._lengths = list(lengths or ()) if group_by_length else []
        assert not group_by_length or len(self._lengths) >= total_samples, "grouping needs the length of every row"

    def set_epoch(self, epoch: int) -> None:
        """Shuffle otherwise from now on."""
        self.curr_seed = self.base_seed + epoch

    def __len__(self) -> int:
        whole, rest = divmod(self.total_samples, self.batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[list[int]]:
        count = self.total_samples * self.world_size
        rows = list(range(count))
        if self.shuffle:
            rows = torch.randperm(count, generator=torch.Generator().manual_seed(self.curr_seed)).tolist()
        if self._lengths:
            stretch = _GROUPED_BATCHES * self.batch_size * self.world_size
            rows = [row for at in range(0, count, stretch) for row in self._longest_first(rows[at : at + stretch])]
        own = rows[self.rank :: self.world_size]
        batches = (own[at : at + self.batch_size] for at in range(0, len(own), self.batch_size))
        return (batch for batch in batches if len(batch) == self.batch_size or not self.drop_last)

    def _longest_first(self, rows: list[int]) -> list[int]:
        return sorted(rows, key=lambda row: self._lengths[row], reverse=True)


class OrderedRows(Dataset[Any]):
    """Rows by number; a complement (``~row``) is the row as `blank` makes it, so that it trains nothing.

    draw: (row, epoch) -> what of the row is trained in that epoch; None: all of it, always.
    """

    def __init__(
        self, rows: Sequence[Any], blank: Callable[[Any], Any], draw: Callable[[Any, int], Any] | None = None
    ) -> None:
        self.rows, self._blank, self._draw = rows, blank, draw
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        row = self.rows[index] if index >= 0 else self._blank(self.rows[~index])
        return row if self._draw is None else self._draw(row, self.epoch)

    def __getitems__(self, indices: list[int]) -> list[int]:
        """What torch's loader hands to the collator: the numbers, which `_Batches` makes rows of."""
        return indices


@dataclass(frozen=True)
class _Batches:
    """Makes a batch of row numbers, in whichever process.

    What is drawn on the way (a plugin's collator may) follows from the seed, the epoch and the rows: it is the same for
    any number of workers and after a resume, and draws nothing from the generators that the model uses.
    """

    rows: OrderedRows
    collate: Callable[[list[Any]], Any]
    seed: int

    def __call__(self, indices: list[int]) -> Any:
        with drawn_from(derive_seed(self.seed, "batch", self.rows.epoch, *indices)):
            return self.collate([self.rows[index] for index in indices])


class SeekableLoader(DataLoader[Any]):
    """A DataLoader of ShardedBatches that can begin at any batch without going through those before it."""

    batches: ShardedBatches
    dataset: OrderedRows

    @classmethod
    def of(
        cls,
        rows: OrderedRows,
        batches: ShardedBatches,
        *,
        collate_fn: Callable[[list[Any]], Any],
        seed: int = 0,
        **options: Any,
    ) -> Self:
        """Build one. seed: of what a collator draws; options are those of torch's DataLoader."""
        loader = cls(
            rows,
            batch_sampler=batches,
            collate_fn=_Batches(rows, collate_fn, seed),
            worker_init_fn=_leave_group,
            # Without one of its own the loader would draw from the generator that dropout draws from.
            generator=torch.Generator().manual_seed(seed),
            **options,
        )
        loader.batches = batches
        loader._options = {"collate_fn": collate_fn, "seed": seed, **options}
        return loader

    def set_epoch(self, epoch: int) -> None:
        """Give the rows of another epoch from now on."""
        self.batches.set_epoch(epoch)
        self.dataset.epoch = epoch  # workers are started for each epoch, after this

    def at(self, batch: int) -> Self:
        """The same loader, beginning at a batch (of the epoch that is set on it)."""
        ours = self.batches
        batches = type(ours)(
            ours.order, ours.batch_size, rank=ours.rank, world_size=ours.world_size, drop_last=ours.drop_last
        )
        batches.epoch, batches.first = ours.epoch, batch
        return self.of(self.dataset, batches, **self._options)


def _leave_group(_worker: int) -> None:
    """A signal to our process group (Ctrl-C, a launcher's end) is ours to deal with: workers serve until we leave."""
    if hasattr(os, "setpgid"):
        os.setpgid(0, 0)


def blank_labels(row: Any) -> Any:
    """A row, or a pack of rows, without a trained token."""
    if isinstance(row, Mapping):
        return {**row, "labels": [-100] * len(row["labels"])}
    return [blank_labels(each) for each in row]


def blank_targets(row: Any) -> Any:
    """A row, or a pack of rows, whose target (a class, the labels of its texts) is None, so that it counts nowhere."""
    if isinstance(row, Mapping):
        return {**row, "labels": None}
    return [blank_targets(each) for each in row]
