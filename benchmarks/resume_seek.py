"""Time until the first new batch of a run that begins, and of one that goes on at 90% of ten million rows.

    python benchmarks/resume_seek.py [--rows 10000000] [--repeat 5] [--folder /tmp/seek]

The artifact (about 1.2 GB at ten million rows) is written in bulk and deleted afterwards unless a folder is given. Each
measurement is a process of its own, forked from this one; it counts from opening the artifact to the first collated
batch, so imports and the model are not in it. `processor` is the time that the process had a core: on a busy machine
the rest was waiting for one. Limits: 1 s at 90%, and 1.2 times what 0% takes.
"""

import argparse
import shutil
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from swift_lib.core.manifest import content_hash, sha256_file, write_manifest  # noqa: E402 - found by the line above
from swift_lib.dataloader.shard import OrderedRows, SeekableLoader, ShardedBatches, blank_labels  # noqa: E402
from swift_lib.dataset.artifact import TokenDataset  # noqa: E402
from swift_lib.dataset.artifact_format import BATCH_ROWS, FORMAT, PLAIN, SHARD_ROWS, SPAN  # noqa: E402
from swift_lib.dataset.kept_plan import kept_plan  # noqa: E402
from swift_lib.dataset.order import TrainingOrder  # noqa: E402
from swift_lib.dataset.packing import PackedDataset  # noqa: E402
from swift_lib.template.collate import collate  # noqa: E402
from swift_lib.template.packed import collate_packed  # noqa: E402

BATCH, PACK = 16, 2048
KINDS = ("plain", "group_by_length", "packed")


def write_artifact(folder: Path, rows: int) -> None:
    """Rows of 8 to 40 tokens, the second half of each trained: what ArtifactWriter would write, a batch at a time."""
    random = np.random.RandomState(0)
    folder.mkdir(parents=True)
    shards = []
    for first in range(0, rows, SHARD_ROWS):
        path = folder / f"data-{len(shards):05}.arrow"
        count = min(SHARD_ROWS, rows - first)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, PLAIN) as writer:
            for begin in range(first, first + count, BATCH_ROWS):
                writer.write_batch(_batch(random, begin, min(BATCH_ROWS, first + count - begin)))
        shards.append({"file": path.name, "rows": count, "sha256": sha256_file(path)})
    dataset = {
        "format": FORMAT, "columns": PLAIN.names, "rows": rows, "tokens": 24 * rows, "trained_tokens": 12 * rows,
        "weighted": False, "roles": {}, "label": None, "shards": shards,
        "digest": content_hash({"format": FORMAT, "shards": [shard["sha256"] for shard in shards]}),
    }  # fmt: skip
    write_manifest(folder, stage="dataset", arguments={}, extra={"dataset": dataset})


def _batch(random: np.random.RandomState, first: int, rows: int) -> pa.RecordBatch:
    lengths = random.randint(8, 41, rows).astype(np.int32)
    ends = np.cumsum(lengths, dtype=np.int32)
    ids = pa.array(random.randint(0, 32000, ends[-1]).astype(np.int32))
    span = [pa.array(lengths // 2), pa.array(lengths), pa.array(np.ones(rows, np.float32))]
    columns = [
        pa.ListArray.from_arrays(pa.array(np.concatenate([[0], ends]).astype(np.int32)), ids),
        pa.ListArray.from_arrays(
            pa.array(np.arange(rows + 1, dtype=np.int32)), pa.StructArray.from_arrays(span, fields=list(SPAN))
        ),
        pa.array(np.arange(first, first + rows)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=PLAIN)


def first_batch(folder: Path, kind: str, at: float) -> dict[str, float]:
    """Seconds from opening to the first batch, and of the parts."""
    begin, busy = time.perf_counter(), time.process_time()
    rows: Any = TokenDataset.open(folder)
    opened = time.perf_counter()
    lengths = rows.lengths if kind == "group_by_length" else None
    measured = time.perf_counter()
    if kind == "packed":
        rows = PackedDataset(rows, kept_plan(folder.parent / "output", rows, PACK, strategy="binpack", seed=42))
    planned = time.perf_counter()
    grouped = kind == "group_by_length"
    order = TrainingOrder(len(rows), 42, lengths=lengths if grouped else None, group=50 * BATCH if grouped else 1)
    batches = ShardedBatches(order, 1 if kind == "packed" else BATCH)

    def join(drawn: Any) -> Any:
        if kind == "packed":
            return collate_packed([row for pack in drawn for row in pack])
        return collate(drawn, pad_token_id=0, padding_side="right")

    loader = SeekableLoader.of(OrderedRows(rows, blank_labels), batches, collate_fn=join)
    loader = loader.at(int(at * len(batches)))
    loader.set_epoch(1)
    batch = next(iter(loader))
    end = time.perf_counter()
    assert batch["input_ids"].numel()
    return {"seconds": end - begin, "open": opened - begin, "lengths": measured - opened, "plan": planned - measured,
            "batch": end - planned, "processor": time.process_time() - busy}  # fmt: skip


def _measure(folder: Path, kind: str, at: float) -> dict[str, float]:
    with get_context("fork").Pool(1) as pool:
        return pool.apply(first_batch, (folder, kind, at))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="keep the artifact here, or use the one that is there")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="resume-seek-")) / "rows"
    if not folder.exists():
        write_artifact(folder, options.rows)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{options.rows:,} rows, {size / 1e9:.2f} GB; medians of {options.repeat}")
    for kind in KINDS:
        found: dict[float, list[dict[str, float]]] = {0.0: [], 0.9: []}
        if kind == "packed":  # the plan is made by the first try, and read by those that go on
            print(f"packed, first try: {_measure(folder, kind, 0.0)}")
        for _ in range(options.repeat):
            for at, results in found.items():
                results.append(_measure(folder, kind, at))
        middle = {at: {key: median(one[key] for one in results) for key in results[0]} for at, results in found.items()}
        parts = ", ".join(f"{key} {value:.3f}" for key, value in middle[0.9].items() if key != "seconds")
        print(
            f"{kind}: {middle[0.0]['seconds']:.3f} s at 0%, {middle[0.9]['seconds']:.3f} s at 90% ({parts}), "
            f"{middle[0.9]['seconds'] / middle[0.0]['seconds']:.2f} times"
        )
    if not options.folder:
        shutil.rmtree(folder.parent)


if __name__ == "__main__":
    main()
