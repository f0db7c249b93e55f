"""Datasets to checked standard rows: as a stream for `preprocess`, as sequences for Python.

``read_rows`` goes through the sources once, in their order, in constant memory; ``load_dataset`` holds rows in memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from swift_lib.core import environment
from swift_lib.core.errors import DataError
from swift_lib.dataset.base import RowFault, StandardRow
from swift_lib.dataset.formats import drop_unused, standardise
from swift_lib.dataset.ledger import Ledger
from swift_lib.dataset.order import Selection, select
from swift_lib.dataset.sources import Source, open_object, open_source
from swift_lib.dataset.syntax import DatasetSyntax
from swift_lib.dataset.validate import check


@dataclass(frozen=True)
class Part:
    """One dataset and what is taken from it; its rows have the ids ``first_row`` and on."""

    source: Source
    sample: int | None
    selection: Selection
    copies: np.ndarray
    first_row: int

    @property
    def rows_in(self) -> int:
        """Rows taken, repeats counted."""
        return int(np.abs(self.copies).sum())

    def summary(self) -> dict[str, Any]:
        """What the manifest says about it."""
        return {
            "dataset": self.source.name,
            "digest": self.source.digest,
            "rows": self.source.rows,
            "sample": self.sample,
            "train": len(self.selection.train),
            "validation": len(self.selection.validation),
        }


@dataclass(frozen=True)
class Taken:
    """A selected row: checked (``row``) or not usable (``fault``). ``copies`` is negative for validation."""

    row_id: int
    where: str
    copies: int
    raw: Any
    row: StandardRow | None = None
    fault: RowFault | None = None
    unused: tuple[str, ...] = ()


def open_parts(
    datasets: Sequence[Any], *, ratio: float, seed: int, cache_dir: Path | None = None, first_row: int = 0
) -> list[Part]:
    """Open datasets (strings, `datasets` objects, lists of rows), count them and choose the rows of either side."""
    parts: list[Part] = []
    for item in datasets:
        sample: int | None = None
        if isinstance(item, str | Path):
            spec = DatasetSyntax.parse(str(item))
            source, sample = (
                open_source(spec, cache_dir or Path(environment.cache_home(), "datasets")),
                spec.dataset_sample,
            )
        else:
            source = open_object(item)
        rows = source.rows
        if not rows:
            raise DataError("the dataset has no rows", where=source.name, fix="give data, or leave it out")
        selection = select(rows, sample, ratio=ratio, seed=seed, name=source.name)
        parts.append(Part(source, sample, selection, selection.copies(rows), first_row))
        first_row += rows
    return parts


def read_rows(
    parts: Sequence[Part], *, columns: Mapping[str, str] | None = None, needs_answer: bool = True,
    text_only: bool = False, remove_unused: bool = True,
) -> Iterator[Taken]:  # fmt: skip
    """Every selected row once, in the order of the sources; a fault is reported, not raised."""
    for part in parts:
        for position, (where, raw, fault) in enumerate(part.source.read()):
            if position >= len(part.copies):
                raise DataError("the data grew while it was read", where=part.source.name, fix="run it again")
            copies = int(part.copies[position])
            if not copies:
                continue
            row_id = part.first_row + position
            if fault is not None:
                yield Taken(row_id, where, copies, raw, fault=fault)
                continue
            try:
                row = standardise(raw, columns)
                check(row, needs_answer=needs_answer, text_only=text_only)
            except RowFault as found:
                yield Taken(row_id, where, copies, raw, fault=found)
                continue
            row, unused = drop_unused(row) if remove_unused else (row, [])
            yield Taken(row_id, where, copies, raw, row=row, unused=tuple(unused))


class RowDataset(Sequence[StandardRow]):
    """Standard rows in memory; ``origins[i]`` is file:line of row i."""

    def __init__(self, rows: Sequence[StandardRow], origins: Sequence[str]) -> None:
        assert len(rows) == len(origins)
        self._rows, self.origins = list(rows), list(origins)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: Any) -> Any:
        return self._rows[index]

    def __iter__(self) -> Iterator[StandardRow]:
        return iter(self._rows)

    def to_datasets(self) -> Any:
        """The rows as a `datasets.Dataset`."""
        import datasets  # noqa: PLC0415 - takes a second and is needed here only

        return datasets.Dataset.from_list(self._rows)


def load_dataset(
    datasets: Any, *, split_dataset_ratio: float = 0.0, seed: int = 42, shuffle: bool = False,
    columns: Mapping[str, str] | None = None, remove_unused_columns: bool = False, needs_answer: bool = False,
    max_drop_rate: float = 0.0,
) -> tuple[RowDataset, RowDataset | None]:  # fmt: skip
    """Read datasets to standard rows: (train, validation), validation None where nothing is split off.

    ``datasets``: one or several of: a dataset string, a path, a `datasets.Dataset`, a list of rows. ``columns`` renames
    columns first. ``shuffle`` shuffles the training rows. ``needs_answer`` refuses rows that cannot be trained on. Rows
    that cannot be used raise one DataError when they are more than the share ``max_drop_rate``, else they are left out.
    """
    parts = open_parts([datasets] if _is_one(datasets) else list(datasets), ratio=split_dataset_ratio, seed=seed)
    ledger = Ledger(sum(part.rows_in for part in parts), max_drop_rate)
    found: dict[int, tuple[StandardRow, str]] = {}
    for taken in read_rows(parts, columns=columns, needs_answer=needs_answer, remove_unused=remove_unused_columns):
        if taken.row is None:
            ledger.drop(taken)
        else:
            ledger.keep(taken)
            found[taken.row_id] = (taken.row, taken.where)
    ledger.check()
    train = _pick(found, parts, [part.selection.train for part in parts])
    validation = _pick(found, parts, [part.selection.validation for part in parts])
    if shuffle:
        order = np.random.RandomState(seed).permutation(len(train))
        train = RowDataset([train[i] for i in order], [train.origins[i] for i in order])
    return train, validation if split_dataset_ratio > 0 else None


def _is_one(datasets: Any) -> bool:
    """Whether it is one dataset: a string, a `datasets` object, or a list of plain rows."""
    if isinstance(datasets, str | Path) or hasattr(datasets, "column_names"):
        return True
    return isinstance(datasets, Sequence) and bool(datasets) and type(datasets[0]) is dict


def _pick(
    found: Mapping[int, tuple[StandardRow, str]], parts: Sequence[Part], positions: Sequence[np.ndarray]
) -> RowDataset:
    ids = [part.first_row + int(at) for part, chosen in zip(parts, positions, strict=True) for at in chosen]
    kept = [found[row_id] for row_id in ids if row_id in found]
    return RowDataset([row for row, _ in kept], [where for _, where in kept])
