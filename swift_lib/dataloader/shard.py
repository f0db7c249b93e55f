"""Each process reads its own share of every batch."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from swift_lib.core.seeding import derive_seed, drawn_from

_BLOCK = 1 << 13  # positions that are turned into rows at a time


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
        per_block = max(1, _BLOCK // self.span)
        for begin in range(self.first, len(self), per_block):
            end = min(begin + per_block, len(self))
            rows = self.order.rows(self.epoch, begin * self.span, min(end * self.span, self.order.length)).tolist()
            for at in range(0, len(rows), self.span):
                together = rows[at : at + self.span]
                yield together[self.rank :: self.world_size] or [~together[0]]


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
        batches = ShardedBatches(
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
