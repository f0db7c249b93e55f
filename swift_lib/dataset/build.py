"""From chosen rows to a folder of token datasets: check everything first, then encode, write and account.

Two passes over the text, because reading is cheap and encoding is not: what is wrong with any row, the last one
included, is known before the first one is encoded. Memory does not grow with the number of rows, but for 16 bytes each
that find duplicates.
"""

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from swift_lib.core.errors import DataError
from swift_lib.core.progress import Progress
from swift_lib.dataset.artifact import ArtifactWriter, Span
from swift_lib.dataset.base import RowFault
from swift_lib.dataset.ledger import Ledger
from swift_lib.dataset.loader import Part, Taken, read_rows

TRAIN, VALIDATION = "train", "validation"
_BATCH = 512
_EXAMPLES = 5


@dataclass(frozen=True)
class EncodedRow:
    """The tokens of a row and its trained spans: one piece, or several where it was split."""

    pieces: Sequence[tuple[np.ndarray, list[Span]]]
    outcome: str = "kept"


Batch = list[Taken]
# Keeps the order of the batches; a row that cannot be encoded becomes a fault in its place.
Encode = Callable[[Iterable[Batch]], Iterator[tuple[Batch, Sequence[EncodedRow | RowFault]]]]


@dataclass
class _Scan:
    """What the first pass learns beside faults."""

    unused: Counter[str] = field(default_factory=Counter)
    hashes: "array[int]" = field(default_factory=lambda: array("q"))
    row_ids: "array[int]" = field(default_factory=lambda: array("q"))

    def see(self, taken: Taken) -> None:
        self.unused.update(taken.unused)
        self.hashes.append(hash(repr(taken.row)))
        # The sign tells the side; ids are shifted by one so that the first row has a sign too.
        self.row_ids.append((taken.row_id + 1) * (1 if taken.copies > 0 else -1))

    def duplicates(self) -> dict[str, Any]:
        """Rows that say the same as an earlier one; they are kept."""
        hashes, ids = np.array(self.hashes, dtype=np.int64), np.array(self.row_ids, dtype=np.int64)
        _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
        repeats = np.flatnonzero(first[group] != np.arange(len(hashes)))
        pairs = [[int(abs(ids[first[group[at]]])) - 1, int(abs(ids[at])) - 1] for at in repeats[:_EXAMPLES]]
        across = np.isin(hashes[ids < 0], hashes[ids > 0])
        return {"rows": len(repeats), "validation_rows_also_in_train": int(across.sum()), "first": pairs}


def build(
    folder: Path, parts: Sequence[Part], encode: Encode, *, quarantine: Path, columns: Mapping[str, str],
    max_drop_rate: float, requested: frozenset[str] = frozenset(), arguments: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Write ``train/`` and ``validation/`` (where rows are chosen for it) into ``folder``; return the account.

    ``quarantine``: the file for rows that are not used, left for inspection when it fails. ``requested``: reasons that
    an option asked for, such as over_length under ``delete``. Raises DataError when more rows than allowed cannot be
    used or nothing is left to train on.
    """
    rows_in = sum(part.rows_in for part in parts)
    with ExitStack() as stack:
        ledger = stack.enter_context(Ledger(rows_in, max_drop_rate, quarantine))
        scan = _scan(parts, ledger, columns)
        ledger.check()
        sides = [TRAIN] + [VALIDATION] * any(len(part.selection.validation) for part in parts)
        writers = {side: stack.enter_context(ArtifactWriter(folder / side)) for side in sides}
        _encode(parts, encode, ledger, writers, columns, requested)
        account = ledger.reconcile()
    for side, writer in writers.items():
        if not writer.rows:
            raise DataError(f"no row is left for {side}", where=str(quarantine), fix="see why rows were dropped")
        writer.close(arguments=arguments, inputs=[part.summary() for part in parts])
    return {
        **account,
        "datasets": [part.summary() for part in parts],
        "duplicates": scan.duplicates(),
        "ignored_columns": dict(scan.unused),
    }


def _scan(parts: Sequence[Part], ledger: Ledger, columns: Mapping[str, str]) -> _Scan:
    scan = _Scan()
    with Progress(ledger.rows_in, "checking rows") as progress:
        for taken in read_rows(parts, columns=columns, text_only=True):
            if taken.row is None:
                ledger.drop(taken)
            else:
                scan.see(taken)
            progress.update(abs(taken.copies))
    return scan


def _encode(
    parts: Sequence[Part], encode: Encode, ledger: Ledger, writers: Mapping[str, ArtifactWriter],
    columns: Mapping[str, str], requested: frozenset[str],
) -> None:  # fmt: skip
    seen = 0
    with Progress(ledger.rows_in, "encoding") as progress:
        for batch, results in encode(_batches(parts, columns)):
            for taken, result in zip(batch, results, strict=True):
                if isinstance(result, RowFault):
                    ledger.drop(taken, result, requested=result.reason in requested)
                else:
                    _write(writers[TRAIN if taken.copies > 0 else VALIDATION], taken, result)
                    ledger.keep(taken, result.outcome)
            taken_now = sum(abs(taken.copies) for taken in batch)
            seen += taken_now
            progress.update(taken_now)
            ledger.check(seen)


def _write(writer: ArtifactWriter, taken: Taken, encoded: EncodedRow) -> None:
    for _ in range(abs(taken.copies)):
        for ids, spans in encoded.pieces:
            writer.add(taken.row_id, ids, spans)


def _batches(parts: Sequence[Part], columns: Mapping[str, str]) -> Iterator[Batch]:
    """Usable rows in batches; the others have been accounted for by the scan."""
    batch: Batch = []
    for taken in read_rows(parts, columns=columns, text_only=True):
        if taken.row is None:
            continue
        batch.append(taken)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
