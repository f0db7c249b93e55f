"""The token dataset artifact as trainers read it: memory-mapped Arrow shards with random access.

`artifact_format` says what the files hold, `artifact_writer` makes them.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from swift_lib.core.errors import DataError
from swift_lib.core.manifest import MANIFEST, read_manifest, sha256_file
from swift_lib.dataset.artifact_format import BATCH_ROWS, FORMAT, IGNORE, MEDIA_FOLDER, read_label
from swift_lib.dataset.encoded import EncodedSequence, Example, MediaItem, Span

# Roles of which a row may have any number: their keys hold lists. A reranker's documents have no prefix.
_LISTS = {"negative": "negative_", "document": ""}
_NUMPY = {pa.int32(): np.int32, pa.int64(): np.int64, pa.float32(): np.float32}


class _Batch(NamedTuple):
    """Zero-copy views of one record batch; ``*_at`` are offsets of length rows + 1."""

    ids: np.ndarray
    ids_at: np.ndarray
    start: np.ndarray
    end: np.ndarray
    weight: np.ndarray
    spans_at: np.ndarray
    row_id: np.ndarray
    optional: dict[str, pa.Array]


def _views(batch: pa.RecordBatch) -> _Batch:
    ids, spans = batch.column("input_ids"), batch.column("spans")
    start, end, weight = (_numbers(spans.values.field(name)) for name in ("start", "end", "weight"))
    return _Batch(
        _numbers(ids.values), _numbers(ids.offsets), start,
        end,
        weight, _numbers(spans.offsets),
        _numbers(batch.column("row_id")),
        dict(zip(batch.schema.names[3:], batch.columns[3:], strict=True)),
    )  # fmt: skip


def _numbers(array: pa.Array) -> np.ndarray:
    """A view of an array without nulls. Not `to_numpy`, which imports pandas where that is installed: half a second."""
    found = np.frombuffer(array.buffers()[-1], dtype=_NUMPY[array.type])
    return found[array.offset : array.offset + len(array)]


class TokenDataset(Sequence[dict[str, Any]]):
    """Read-only rows of an artifact by position; opening maps files, reading copies one row.

    ``dataset[i]`` of one sequence is ``input_ids`` and ``labels`` (-100 where nothing is trained) as lists of int,
    ``loss_scale`` as a list of float (None in a dataset whose weights are all 1) and ``row_id``. A pair has these keys
    as ``chosen_...`` and ``rejected_...``, a group as ``anchor_...`` and ``positive_...``, and as lists of lists
    ``negative_...``; a reranker's documents are lists of lists without a prefix. Where no token is trained (a
    classifier, an embedding), ``labels`` is the row's label and there is no ``loss_scale``; else that is ``label``.
    Where rows have them: ``margin``, ``channel``, ``extra`` and, under the prefix, ``media`` (a list of MediaItem). May
    be pickled: it is opened again.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder = folder
        self.manifest = manifest
        self._info: dict[str, Any] = manifest["dataset"]
        self._shards = [folder / shard["file"] for shard in self._info["shards"]]
        self._first_row = np.cumsum([0, *(shard["rows"] for shard in self._info["shards"])])
        self._batches: dict[int, list[pa.RecordBatch]] = {}
        self._seen: dict[tuple[int, int], _Batch] = {}
        self._lengths: np.ndarray | None = None
        self._has_token_labels = bool(self._info["trained_tokens"] or not (self._info["roles"] or self._info["label"]))

    @classmethod
    def open(cls, folder: Path | str, *, verify: bool = False) -> "TokenDataset":
        """Open a split's folder; DataError if it is not one, or a shard is missing or (with verify) damaged."""
        folder = Path(folder)
        if not (folder / MANIFEST).is_file():
            raise DataError("not a token dataset (no manifest)", where=str(folder), fix="run `swift preprocess` first")
        manifest = read_manifest(folder)
        info = manifest.get("dataset") or {}
        if info.get("format") != FORMAT:
            splits = [child.name for child in sorted(folder.iterdir()) if (child / MANIFEST).is_file()]
            fix = f"open one of its splits: {', '.join(splits)}" if splits else f"make it again: {FORMAT} is read here"
            raise DataError(f"not a token dataset, format is {info.get('format')!r}", where=str(folder), fix=fix)
        for shard in info["shards"]:
            path = folder / shard["file"]
            if not path.is_file():
                raise DataError("a shard is missing", where=str(path), fix="make the dataset again")
            if verify and sha256_file(path) != shard["sha256"]:
                raise DataError("a shard is damaged (sha256 differs)", where=str(path), fix="make the dataset again")
        return cls(folder, manifest)

    @property
    def digest(self) -> str:
        """The sha256 of the shards' contents: equal digests mean equal rows in equal order."""
        return str(self._info["digest"])

    @property
    def weighted(self) -> bool:
        """Whether any trained token weighs something other than 1."""
        return bool(self._info["weighted"])

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row, of all its sequences together, int32, of shape (rows,)."""
        if self._lengths is None:
            self._lengths = np.zeros(len(self), np.int32)
            for shard, first in enumerate(self._first_row[:-1]):
                for number, batch in enumerate(self._open(shard)):
                    begin = first + number * BATCH_ROWS
                    self._lengths[begin : begin + batch.num_rows] = np.diff(_numbers(batch.column("input_ids").offsets))
        return self._lengths

    def largest_label(self) -> float:
        """The largest of all numbers in the rows' labels; -1 where there are none."""
        largest = -1.0
        for shard in range(len(self._shards)):
            for batch in self._open(shard):
                if "label" in batch.schema.names and len(values := batch.column("label").flatten()):
                    largest = max(largest, float(np.max(values.to_numpy(zero_copy_only=False))))
        return largest

    def __len__(self) -> int:
        return int(self._info["rows"])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        batch, at = self._locate(int(index))
        if not batch.optional:
            ids, spans, row_id = _row(batch, at)
            return {**self._tokens(ids, spans), "row_id": row_id}
        return self._item(self._example(batch, at), int(batch.row_id[at]))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[i] for i in range(len(self)))

    def __reduce__(self) -> tuple[Any, ...]:
        return TokenDataset.open, (self.folder,)

    def row(self, index: int) -> tuple[np.ndarray, list[Span], int]:
        """The tokens (a read-only int32 view of the file), the trained spans and the row id of one row."""
        return _row(*self._locate(index))

    def bounds(self, index: int) -> list[int]:
        """Where the sequences of a row begin, and where the last one ends: [0, 5, 9] for two of 5 and 4 tokens."""
        batch, at = self._locate(index)
        sequences = _value(batch, "sequences", at)
        if sequences is None:
            return [0, int(batch.ids_at[at + 1] - batch.ids_at[at])]
        return np.cumsum([0, *(sequence["length"] for sequence in sequences)]).tolist()

    def example(self, index: int) -> Example:
        """One row as it was handed to the writer, its media as paths and URIs."""
        return self._example(*self._locate(index))

    def _item(self, example: Example, row_id: int) -> dict[str, Any]:
        item: dict[str, Any] = {"row_id": row_id}
        for role, prefix in _LISTS.items():
            group = [self._sequence(sequence) for sequence in example.sequences if sequence.role == role]
            for key in group[0] if group else ():
                item[prefix + key] = [values[key] for values in group]
        for sequence in example.sequences:
            if sequence.role not in _LISTS:
                prefix = f"{sequence.role}_" * bool(sequence.role)
                item |= {prefix + key: value for key, value in self._sequence(sequence).items()}
        if example.label is not None:
            item["label" if self._has_token_labels else "labels"] = example.label
        named = {"margin": example.margin, "channel": example.channel, "extra": example.extra or None}
        return item | {key: value for key, value in named.items() if value is not None}

    def _sequence(self, sequence: EncodedSequence) -> dict[str, Any]:
        values = self._tokens(sequence.ids, sequence.spans)
        return {**values, "media": list(sequence.media)} if "media" in self._info["columns"] else values

    def _tokens(self, ids: np.ndarray, spans: Sequence[Span]) -> dict[str, Any]:
        if not self._has_token_labels:
            return {"input_ids": ids.tolist()}
        labels = np.full(len(ids), IGNORE, np.int32)
        scale = np.zeros(len(ids), np.float32) if self.weighted else None
        for start, end, weight in spans:
            labels[start:end] = ids[start:end]
            if scale is not None:
                scale[start:end] = weight
        return {
            "input_ids": ids.tolist(),
            "labels": labels.tolist(),
            "loss_scale": None if scale is None else scale.tolist(),
        }

    def _example(self, batch: _Batch, at: int) -> Example:
        ids, spans, _ = _row(batch, at)
        stored = _value(batch, "sequences", at) or [{"role": "", "length": len(ids)}]
        media: list[list[MediaItem]] = [[] for _ in stored]
        for item in _value(batch, "media", at) or ():
            source = item["source"]
            if source.startswith(f"{MEDIA_FOLDER}/"):
                source = str(self.folder / source)
            media[item["sequence"]].append(
                MediaItem(item["kind"], source, item["width"], item["height"], item["tokens"])
            )
        sequences, begin = [], 0
        for entry, items in zip(stored, media, strict=True):
            end = begin + entry["length"]
            own = [(first - begin, last - begin, weight) for first, last, weight in spans if begin <= first < end]
            sequences.append(EncodedSequence(ids[begin:end], own, entry["role"], items))
            begin = end
        label = _value(batch, "label", at)
        return Example(
            sequences,
            label=None if label is None else read_label(label, self._info["label"]),
            margin=_value(batch, "margin", at),
            channel=_value(batch, "channel", at),
            extra=json.loads(_value(batch, "extra", at) or "{}"),
        )

    def _locate(self, index: int) -> tuple[_Batch, int]:
        size = len(self)
        if not -size <= index < size:
            raise IndexError(f"row {index} of a dataset of {size} rows")
        index %= size
        shard = int(np.searchsorted(self._first_row, index, side="right")) - 1
        number, at = divmod(index - int(self._first_row[shard]), BATCH_ROWS)
        if (shard, number) not in self._seen:
            self._seen[shard, number] = _views(self._open(shard)[number])
        return self._seen[shard, number], at

    def _open(self, shard: int) -> list[pa.RecordBatch]:
        if shard not in self._batches:
            path = self._shards[shard]
            try:
                table = pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
            except (pa.ArrowInvalid, OSError) as error:
                raise DataError(
                    f"a shard cannot be read: {error}", where=str(path), fix="make the dataset again"
                ) from error
            if table.num_rows != self._info["shards"][shard]["rows"]:
                raise DataError(
                    f"a shard holds {table.num_rows} rows, its manifest says {self._info['shards'][shard]['rows']}",
                    where=str(path), fix="make the dataset again",
                )  # fmt: skip
            self._batches[shard] = table.to_batches()
        return self._batches[shard]


def _row(batch: _Batch, at: int) -> tuple[np.ndarray, list[Span], int]:
    ids = batch.ids[batch.ids_at[at] : batch.ids_at[at + 1]]
    span = slice(batch.spans_at[at], batch.spans_at[at + 1])
    spans = list(zip(batch.start[span].tolist(), batch.end[span].tolist(), batch.weight[span].tolist(), strict=True))
    return ids, spans, int(batch.row_id[at])


def _value(batch: _Batch, column: str, at: int) -> Any:
    """A row's value of an optional column, None where it has none."""
    return batch.optional[column][at].as_py() if column in batch.optional else None
