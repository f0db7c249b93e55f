"""Which batches a training run goes through: how many, how long, and how much they cost beside one another."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from swift_lib.dataloader.shard import ShardedBatches
from swift_lib.trainers.fake_step import BatchShape

# Rows whose batches are gone through, and epochs (each costs milliseconds, however few its rows are). A longer run is
# judged by its beginning.
_LOOKED_AT, _EPOCHS = 1 << 20, 64


@dataclass(frozen=True)
class CostLine:
    """Operations of a batch: linear * tokens + quadratic * tokens * length, tokens = rows * length."""

    linear: float
    quadratic: float

    def of(self, rows: np.ndarray | int, length: np.ndarray | int) -> np.ndarray:
        """float64, of the shape that rows and length have together."""
        tokens = np.asarray(rows, np.float64) * np.asarray(length, np.float64)
        return tokens * (self.linear + self.quadratic * np.asarray(length, np.float64))

    @classmethod
    def through(cls, first: tuple[BatchShape, float], second: tuple[BatchShape, float]) -> "CostLine":
        """The line through the operations of two batches of unlike length."""
        (one, first_cost), (two, second_cost) = (_sized(first), _sized(second))
        lengths = one[1], two[1]
        per_token = first_cost / (one[0] * one[1]), second_cost / (two[0] * two[1])
        if lengths[0] == lengths[1]:
            return cls(per_token[0], 0.0)
        quadratic = max(0.0, (per_token[1] - per_token[0]) / (lengths[1] - lengths[0]))
        return cls(max(0.0, per_token[0] - quadratic * lengths[0]), quadratic)

    @classmethod
    def of_model(cls, parameters: int, layers: int, width: int) -> "CostLine":
        """Of a forward pass, from the shape of a transformer (Kaplan et al. 2020, arXiv:2001.08361, section 2.1).

        2 * parameters for each token, and 2 * layers * width for each token and token it attends to; layers and width
        are those of attention.
        """
        return cls(2.0 * parameters, 2.0 * layers * width)


def _sized(measured: tuple[BatchShape, float]) -> tuple[tuple[int, int], float]:
    batch, cost = measured
    return ((1, batch.tokens) if batch.joined else (batch.rows, batch.length)), cost


class Workload:
    """The batches of one process (of the slowest, where lengths decide), in the order in which they come.

    batches: how the rows or packs are drawn. lengths: tokens of each of them, int, shape (rows,). joined: rows of a
    batch stand in one sequence. units: rows of the dataset; more than `lengths` where packs hold several.
    trained_share: of all tokens. steps: optimizer steps in all, of `accumulation` batches.
    """

    def __init__(
        self,
        batches: ShardedBatches,
        lengths: np.ndarray,
        *,
        joined: bool,
        accumulation: int,
        steps: int,
        trained_share: float = 1.0,
        units: int | None = None,
    ) -> None:
        self._batches, self._lengths = batches, np.asarray(lengths, np.int64)
        self.joined, self.accumulation, self.steps = joined, accumulation, steps
        self.trained_share = trained_share
        self._shares = joined and (batches.batch_size > 1 or (units or 0) > len(lengths))

    @property
    def epoch_steps(self) -> int:
        """Optimizer steps of an epoch; the last one may have fewer batches."""
        return math.ceil(len(self._batches) / self.accumulation)

    @property
    def rows(self) -> int:
        """Rows of a batch as its tensors have them."""
        return 1 if self.joined else self._batches.batch_size

    @property
    def tokens_per_step(self) -> float:
        """Tokens without padding, over all processes, on average."""
        return float(self._lengths.mean()) * self._batches.span * len(self._batches) / self.epoch_steps

    def lengths_of_steps(self, begin: int = 0, end: int | None = None) -> Iterator[np.ndarray]:
        """The length of each batch of each step from `begin` to `end`: of its longest row, or of all rows joined."""
        end = self.steps if end is None else end
        while begin < end:
            epoch, first = divmod(begin, self.epoch_steps)
            last = min(first + end - begin, self.epoch_steps)
            found = self._widths(epoch, first * self.accumulation, last * self.accumulation)
            for at in range(0, len(found), self.accumulation):
                yield found[at : at + self.accumulation]
            begin += last - first

    def widths(self) -> np.ndarray:
        """The lengths of all batches of the run, or of its first million rows or 64 epochs, int64, shape (batches,)."""
        most = max(1, min(_LOOKED_AT // (self._batches.span * self.accumulation), _EPOCHS * self.epoch_steps))
        return np.concatenate(list(self.lengths_of_steps(0, min(self.steps, most))))

    def batch(self, length: int) -> BatchShape:
        """A batch of this length."""
        rows = self.rows
        return BatchShape(
            rows,
            int(length),
            max(1, round(rows * int(length) * self.trained_share)),
            joined=self.joined,
            masked=self._shares or (not self.joined and rows > 1),
        )

    def longest(self) -> BatchShape:
        """The longest batch of the run."""
        widths = self.widths()
        whole_epoch = self.steps >= self.epoch_steps
        longest = int(self._lengths.max()) if whole_epoch and not self.joined else 0
        return self.batch(max(longest, int(widths.max())))

    def typical(self) -> BatchShape:
        """A batch of median length."""
        return self.batch(int(np.median(self.widths())))

    def positions(self, index: int) -> list[int]:
        """The rows of a batch of the run, by number, as the first process gets them."""
        ours = self._batches
        epoch, at = divmod(index, len(ours))
        begin = at * ours.span
        rows = ours.order.rows(epoch, begin, min(begin + ours.span, ours.order.length))
        return [int(row) for row in rows[:: ours.world_size]]

    def widths_of(self, batches: Sequence[Sequence[int]]) -> np.ndarray:
        """The lengths of batches of these rows, int64, of shape (batches,)."""
        found = [self._lengths[list(rows)] for rows in batches]
        return np.array([each.sum() if self.joined else each.max() for each in found], np.int64)

    def _widths(self, epoch: int, begin: int, end: int) -> np.ndarray:
        ours = self._batches
        end = min(end, len(ours))
        rows = ours.order.rows(epoch, begin * ours.span, min(end * ours.span, ours.order.length))
        lengths = np.zeros((end - begin) * ours.span, np.int64)
        lengths[: len(rows)] = self._lengths[rows]
        # Of each round of rows process r has those at r, r + world_size ...
        apart = lengths.reshape(end - begin, ours.batch_size, ours.world_size)
        return (apart.sum(1) if self.joined else apart.max(1)).max(1)


def step_count(epochs: float, max_steps: int, epoch_steps: int) -> int:
    """Optimizer steps of a run, as transformers counts them."""
    return max_steps if max_steps > 0 else math.ceil(epochs * epoch_steps)
