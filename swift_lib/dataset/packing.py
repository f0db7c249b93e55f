"""Which rows are trained together in one sequence: a plan over all rows at once, whole rows only, nothing cut.

A plan is a pure function of (lengths, packing_length, strategy, seed), made in one process in seconds per million rows,
so that no number of workers can change it. `binpack` works on the histogram of the lengths that are left. A pack takes
rows in random order until two or three more will fill it; then it looks in the histogram for one or two rows that fit
best, which nearly always fill it to the last token. Rows of more than a third of a pack come first, the longest one
first, each completed in the same way: they are the ones that nothing could be found for in the end. So packs are full
and yet a random mix of rows, where sorting by length would put rows of one length together.
"""

import hashlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, cycle, islice
from typing import Any, NamedTuple

import numpy as np

from swift_lib.core.errors import DataError
from swift_lib.dataset.artifact import TokenDataset

STRATEGIES = ("binpack", "sequential")
_LONG = 3  # a row longer than packing_length / _LONG is placed before the others
_REACH = 2.5  # a pack is completed when the room left is no more than this many rows of average length
_TRIES = 24  # random rows that a partner is looked for, to complete a pack
_CHUNK = 1 << 16  # rows that are Python numbers at a time


@dataclass(frozen=True)
class PackPlan:
    """Row positions pack after pack: those of pack i are ``rows[starts[i]:starts[i + 1]]``, both int64."""

    rows: np.ndarray
    starts: np.ndarray
    packing_length: int
    tokens: int

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, index: int) -> np.ndarray:
        if not -len(self) <= index < len(self):
            raise IndexError(f"pack {index} of {len(self)}")
        index %= len(self)
        return self.rows[self.starts[index] : self.starts[index + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(len(self)))

    @property
    def used(self) -> float:
        """Share of the packs' positions that hold a token."""
        return self.tokens / (len(self) * self.packing_length) if len(self) else 1.0

    @cached_property
    def digest(self) -> str:
        """sha256 of the plan: equal digests mean equal packs in equal order."""
        digest = hashlib.sha256()
        for numbers in (self.rows, self.starts):
            digest.update(np.ascontiguousarray(numbers, dtype="<i8").data)
        return digest.hexdigest()


def plan_packs(lengths: np.ndarray, packing_length: int, *, strategy: str = "binpack", seed: int = 42) -> PackPlan:
    """Put each row into exactly one pack of at most `packing_length` tokens.

    lengths: tokens of each row, 1 or more, of shape (rows,). `sequential` keeps the order of the rows and starts a new
    pack where one does not fit (`seed` is of no use then). Raises DataError where a row is longer than a pack.
    """
    assert strategy in STRATEGIES, strategy
    lengths = np.asarray(lengths, dtype=np.int64)
    assert not len(lengths) or lengths.min() > 0, "a row has no token"
    longer = np.flatnonzero(lengths > packing_length)
    if len(longer):
        raise DataError(
            f"{len(longer):,} rows are longer than a pack of {packing_length:,} tokens",
            where=f"row {longer[0]} has {lengths[longer[0]]:,} tokens",
            fix=f"give --packing_length {lengths.max()} or more, or a smaller --max_length; packing cuts no row",
        )
    if strategy == "sequential":
        starts = _next_fit(lengths, packing_length)
        return PackPlan(np.arange(len(lengths)), starts, packing_length, int(lengths.sum()))
    random = np.random.RandomState(seed)
    order = random.permutation(len(lengths))
    planned, starts = _fill(lengths[order], packing_length)
    # The rows of each length, in random order, go to the places that the plan has for that length.
    rows = np.empty(len(lengths), dtype=np.int64)
    rows[np.argsort(planned, kind="stable")] = order[np.argsort(lengths[order], kind="stable")]
    return _shuffled(PackPlan(rows, starts, packing_length, int(lengths.sum())), random)


class _Left:
    """How many rows of each length are not in a pack yet."""

    def __init__(self, lengths: np.ndarray, longest: int) -> None:
        self.count: list[int] = np.bincount(lengths, minlength=longest + 1).tolist()
        self.lengths: list[int] = np.unique(lengths).tolist()

    def take(self, length: int) -> int:
        self.count[length] -= 1
        if not self.count[length]:
            del self.lengths[bisect_left(self.lengths, length)]
        return length

    def best_one(self, room: int) -> int:
        """The longest row that fits; 0 if none does."""
        if self.count[room]:
            return room
        at = bisect_right(self.lengths, room)
        return self.lengths[at - 1] if at else 0

    def best_two(self, room: int, probes: Iterable[int]) -> tuple[int, int]:
        """The fullest of some pairs: a random row and the longest one that fits beside it; (0, 0) if none does."""
        best = (0, 0)
        for first in probes:
            if first >= room or not self.count[first]:
                continue
            second = self.best_one(room - first)
            if second and first + second > sum(best) and (first != second or self.count[first] > 1):
                best = first, second
                if first + second == room:
                    break
        return best


def _fill(lengths: np.ndarray, packing_length: int) -> tuple[np.ndarray, np.ndarray]:
    """The lengths of the rows pack after pack, and where each pack starts; `lengths` are in random order."""
    left = _Left(lengths, packing_length)
    probes = cycle(lengths[:_CHUNK].tolist())
    reach = int(_REACH * lengths.mean()) if len(lengths) else 0
    coming = chain.from_iterable(lengths[at : at + _CHUNK].tolist() for at in range(0, len(lengths), _CHUNK))
    ahead = next(coming, 0)
    planned, starts = array("q"), array("q", [0])
    while left.lengths:
        room = packing_length
        longest = left.lengths[-1]
        has_long = longest > packing_length // _LONG
        if has_long:
            planned.append(left.take(longest))
            room -= longest
        while ahead and not has_long and reach < room >= ahead:
            if left.count[ahead]:  # else all rows of this length have served to complete other packs
                planned.append(left.take(ahead))
                room -= ahead
            ahead = next(coming, 0)
        while left.lengths and room >= left.lengths[0]:
            found: tuple[int, ...] = (left.best_one(room),)
            if found[0] < room or not has_long:
                found = max((left.best_two(room, islice(probes, _TRIES)), found), key=sum)
            for length in found:
                planned.append(left.take(length))
                room -= length
        starts.append(len(planned))
    return np.frombuffer(planned, dtype=np.int64), np.frombuffer(starts, dtype=np.int64)


def _shuffled(plan: PackPlan, random: np.random.RandomState) -> PackPlan:
    """The packs in random order, so that any stretch of them is a fair sample: long rows were placed first."""
    order = random.permutation(len(plan))
    sizes = np.diff(plan.starts)[order]
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    # Position j of a new pack is position j of its old one.
    rows = plan.rows[np.arange(len(plan.rows)) + np.repeat(plan.starts[:-1][order] - starts[:-1], sizes)]
    return PackPlan(rows, starts, plan.packing_length, plan.tokens)


def _next_fit(lengths: np.ndarray, packing_length: int) -> np.ndarray:
    """Where each pack starts if rows keep their order."""
    ends = np.cumsum(lengths)
    starts = [0]
    while starts[-1] < len(lengths):
        before = int(ends[starts[-1] - 1]) if starts[-1] else 0
        starts.append(int(np.searchsorted(ends, before + packing_length, side="right")))
    return np.array(starts, dtype=np.int64)


class Placed(NamedTuple):
    """A row's place in its pack: `bounds` are where its sequences begin, and where the last one ends."""

    row: int
    bounds: list[int]


class PackedDataset(Sequence[list[dict[str, Any]]]):
    """Packs of a token dataset by position: ``packed[i]`` is the list of its rows, each as the dataset gives it.

    A row of several sequences (a pair, a group) is one unit: its sequences lie side by side in one pack.
    """

    def __init__(self, rows: TokenDataset, plan: PackPlan) -> None:
        assert len(plan.rows) == len(rows), f"a plan of {len(plan.rows)} rows for {len(rows)}"
        self.rows, self.plan = rows, plan

    def __len__(self) -> int:
        return len(self.plan)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return [self.rows[int(row)] for row in self.plan[int(index)]]

    def layout(self, index: int) -> list[Placed]:
        """Where the rows of a pack and their sequences lie in it, by token position."""
        placed: list[Placed] = []
        for row in self.plan[index].tolist():
            begin = placed[-1].bounds[-1] if placed else 0
            placed.append(Placed(row, [begin + bound for bound in self.rows.bounds(row)]))
        return placed
