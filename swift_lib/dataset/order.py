"""Which rows are taken, how often, and on which side: pure functions of (number of rows, sample, ratio, seed).

Each dataset is drawn with its own generator, so that adding one dataset does not change the rows taken from another.
"""

from dataclasses import dataclass

import numpy as np

from swift_lib.core.errors import DataError


def sample_indices(rows: int, sample: int | None, seed: int) -> np.ndarray:
    """Row positions for ``#sample``: a random part of the rows, or all as often as they fit and a random part."""
    if sample is None or sample == rows:
        return np.arange(rows)
    if rows == 0:
        raise DataError(f"{sample} rows were asked of an empty dataset", fix="give data, or leave '#' out")
    whole, part = divmod(sample, rows)
    drawn = np.random.RandomState(seed).permutation(rows)[:part]
    return np.concatenate([np.tile(np.arange(rows), whole), drawn])


@dataclass(frozen=True)
class Selection:
    """Row positions of the two sides, in order, with repeats; no position is on both sides."""

    train: np.ndarray
    validation: np.ndarray

    def copies(self, rows: int) -> np.ndarray:
        """How often each row is taken, of shape (rows,), int32: k > 0 for training, k < 0 for validation, 0 for not."""
        train = np.bincount(self.train.astype(np.int64), minlength=rows)
        return (train - np.bincount(self.validation.astype(np.int64), minlength=rows)).astype(np.int32)


def select(rows: int, sample: int | None, *, ratio: float, seed: int, name: str = "") -> Selection:
    """Sample ``rows`` rows and split off the share ``ratio`` for validation (at least one row when ratio > 0).

    Validation rows are set aside first and never repeated, so that a sample above 100% cannot leak them into training.
    """
    if not 0.0 <= ratio <= 1.0:
        raise DataError(f"split_dataset_ratio is {ratio}", fix="give a share between 0 and 1")
    none = np.zeros(0, dtype=np.int64)
    if ratio == 0.0:
        return Selection(sample_indices(rows, sample, seed), none)
    if ratio == 1.0:
        return Selection(none, sample_indices(rows, sample, seed))
    wanted = rows if sample is None else sample
    held_out = max(int(min(rows, wanted) * ratio), 1)
    if held_out >= rows or held_out >= wanted:
        raise DataError(
            f"{min(rows, wanted)} rows cannot be split by {ratio}",
            where=name,
            fix="give more rows or no split_dataset_ratio",
        )
    order = np.random.RandomState(seed).permutation(rows)
    validation, rest = np.sort(order[:held_out]), order[held_out:]
    if sample is None:
        return Selection(np.sort(rest), validation)
    whole, part = divmod(wanted - held_out, len(rest))
    return Selection(np.concatenate([np.tile(np.sort(rest), whole), rest[:part]]), validation)
