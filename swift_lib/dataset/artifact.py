"""The token dataset artifact: memory-mapped Arrow shards with random access, and a manifest that says what is inside.

A folder holds ``data-00000.arrow`` ... and ``manifest.json`` (written last). A shard is an Arrow IPC *stream* (the form
that ``datasets.Dataset.from_file`` maps) of record batches of ``BATCH_ROWS`` rows, so that row ``i`` is found by two
divisions. Columns: ``input_ids`` list<int32>; ``spans`` list<struct<start, end, weight>>, the trained runs, half open,
in order and apart from each other; ``row_id`` int64, the input row that it came from. Readers ignore further columns.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa

from swift_lib.core.errors import DataError
from swift_lib.core.manifest import MANIFEST, content_hash, read_manifest, sha256_file, write_manifest

FORMAT = "token-dataset/1"
BATCH_ROWS = 1024
SHARD_ROWS = 64 * BATCH_ROWS
IGNORE = -100
SPAN = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("weight", pa.float32())])
SCHEMA = pa.schema([("input_ids", pa.list_(pa.int32())), ("spans", pa.list_(SPAN)), ("row_id", pa.int64())])

Span = tuple[int, int, float]


class _Batch(NamedTuple):
    """Zero-copy views of one record batch; ``*_at`` are offsets of length rows + 1."""

    ids: np.ndarray
    ids_at: np.ndarray
    start: np.ndarray
    end: np.ndarray
    weight: np.ndarray
    spans_at: np.ndarray
    row_id: np.ndarray


def _views(batch: pa.RecordBatch) -> _Batch:
    ids, spans = batch.column("input_ids"), batch.column("spans")
    start, end, weight = (spans.values.field(name).to_numpy() for name in ("start", "end", "weight"))
    return _Batch(
        ids.values.to_numpy(), ids.offsets.to_numpy(), start,
        end,
        weight, spans.offsets.to_numpy(),
        batch.column("row_id").to_numpy(),
    )  # fmt: skip


class ArtifactWriter:
    """Append encoded rows to a folder; ``close`` writes the manifest, without which the folder cannot be opened."""

    def __init__(self, folder: Path | str, *, shard_rows: int = SHARD_ROWS) -> None:
        assert shard_rows > 0 and shard_rows % BATCH_ROWS == 0, (
            "a shard holds whole batches: rows are found by division"
        )
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._shard_rows = shard_rows
        self._sink: Any = None
        self._shards: list[dict[str, Any]] = []
        self._ids: list[np.ndarray] = []
        self._spans: list[Sequence[Span]] = []
        self._row_ids: list[int] = []
        self._lengths: Counter[int] = Counter()
        self._weighted = False
        self.rows = self.tokens = self.trained_tokens = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._end_shard()

    def add(self, row_id: int, input_ids: Sequence[int] | np.ndarray, spans: Sequence[Span]) -> None:
        """Append one row; ``spans`` are (start, end, weight), half open, in order, not touching the outside."""
        ids = np.asarray(input_ids, dtype=np.int32)
        edge = 0
        for start, end, weight in spans:
            assert edge <= start < end <= len(ids), f"row {row_id}: span ({start}, {end}) of {len(ids)} tokens"
            edge = end
            self.trained_tokens += end - start
            self._weighted |= weight != 1.0
        self._ids.append(ids)
        self._spans.append(spans)
        self._row_ids.append(row_id)
        self._lengths[len(ids)] += 1
        self.rows += 1
        self.tokens += len(ids)
        if len(self._ids) == BATCH_ROWS:
            self._flush()

    def close(
        self, *, arguments: Mapping[str, Any] | None = None, inputs: Sequence[Mapping[str, Any]] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """Write what is buffered and the manifest (``extra`` joins its ``dataset`` entry); return the manifest."""
        self._flush()
        self._end_shard()
        dataset = {
            "format": FORMAT,
            "columns": SCHEMA.names,
            "rows": self.rows,
            "tokens": self.tokens,
            "trained_tokens": self.trained_tokens,
            "weighted": self._weighted,
            "lengths": length_summary(self._lengths),
            "shards": self._shards,
            "digest": content_hash({"format": FORMAT, "shards": [shard["sha256"] for shard in self._shards]}),
            **(extra or {}),
        }
        return write_manifest(
            self.folder, stage="dataset", arguments=arguments or {}, inputs=inputs, extra={"dataset": dataset}
        )

    def _flush(self) -> None:
        if not self._ids:
            return
        if self._sink is None:
            path = self.folder / f"data-{len(self._shards):05d}.arrow"
            self._sink = pa.ipc.new_stream(str(path), SCHEMA)
            self._shards.append({"file": path.name, "rows": 0})
        self._sink.write_batch(_record_batch(self._ids, self._spans, self._row_ids))
        self._shards[-1]["rows"] += len(self._ids)
        self._ids, self._spans, self._row_ids = [], [], []
        if self._shards[-1]["rows"] >= self._shard_rows:
            self._end_shard()

    def _end_shard(self) -> None:
        if self._sink is not None:
            self._sink.close()
            self._sink = None
            self._shards[-1]["sha256"] = sha256_file(self.folder / self._shards[-1]["file"])


def _record_batch(ids: list[np.ndarray], spans: list[Sequence[Span]], row_ids: list[int]) -> pa.RecordBatch:
    flat = [span for row in spans for span in row]
    struct = pa.StructArray.from_arrays(
        [
            pa.array([span[0] for span in flat], pa.int32()),
            pa.array([span[1] for span in flat], pa.int32()),
            pa.array([span[2] for span in flat], pa.float32()),
        ],
        fields=list(SPAN),
    )
    return pa.RecordBatch.from_arrays(
        [
            pa.ListArray.from_arrays(_offsets(map(len, ids)), pa.array(np.concatenate(ids), pa.int32())),
            pa.ListArray.from_arrays(_offsets(map(len, spans)), struct),
            pa.array(row_ids, pa.int64()),
        ],
        schema=SCHEMA,
    )


def _offsets(lengths: Iterable[int]) -> pa.Array:
    return pa.array(np.cumsum([0, *lengths]), pa.int32())


def length_summary(counts: Mapping[int, int]) -> dict[str, Any]:
    """Minimum, mean, percentiles, maximum and a histogram by powers of two of ``{length: rows}``."""
    if not counts:
        return {"histogram": {}}
    lengths = np.array(sorted(counts), dtype=np.int64)
    rows = np.array([counts[int(length)] for length in lengths], dtype=np.int64)
    below = np.cumsum(rows)
    total = int(below[-1])
    histogram: Counter[int] = Counter()
    for length, number in counts.items():
        histogram[1 << max(length - 1, 0).bit_length()] += number
    percentiles = {f"p{p}": int(lengths[np.searchsorted(below, p / 100 * total)]) for p in (50, 95, 99)}
    return {
        "min": int(lengths[0]),
        "mean": round(float((lengths * rows).sum() / total), 1),
        **percentiles,
        "max": int(lengths[-1]),
        "histogram": {f"<={edge}": number for edge, number in sorted(histogram.items())},
    }


class TokenDataset(Sequence[dict[str, Any]]):
    """Read-only rows of an artifact by position; opening maps files, reading copies one row.

    ``dataset[i]`` is ``input_ids`` and ``labels`` (-100 where nothing is trained) as lists of int, ``loss_scale`` as a
    list of float (None in a dataset whose weights are all 1) and ``row_id``. May be pickled: it is opened again.
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
        """Tokens of each row, int32, of shape (rows,)."""
        if self._lengths is None:
            parts = [
                np.diff(batch.column("input_ids").offsets.to_numpy())
                for shard in range(len(self._shards))
                for batch in self._open(shard)
            ]
            self._lengths = np.concatenate(parts).astype(np.int32) if parts else np.zeros(0, np.int32)
        return self._lengths

    def __len__(self) -> int:
        return int(self._info["rows"])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        ids, spans, row_id = self.row(int(index))
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
            "row_id": row_id,
        }

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[i] for i in range(len(self)))

    def __reduce__(self) -> tuple[Any, ...]:
        return TokenDataset.open, (self.folder,)

    def row(self, index: int) -> tuple[np.ndarray, list[Span], int]:
        """The tokens (a read-only int32 view of the file), the trained spans and the row id of one row."""
        batch, at = self._locate(index)
        ids = batch.ids[batch.ids_at[at] : batch.ids_at[at + 1]]
        span = slice(batch.spans_at[at], batch.spans_at[at + 1])
        spans = list(
            zip(batch.start[span].tolist(), batch.end[span].tolist(), batch.weight[span].tolist(), strict=True)
        )
        return ids, spans, int(batch.row_id[at])

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
