"""The token dataset artifact: what is written is read back, by position, and damage is refused."""

import json
import pickle
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swift_lib.core.errors import DataError
from swift_lib.dataset.artifact import BATCH_ROWS, ArtifactWriter, Span, TokenDataset, length_summary

Row = tuple[int, list[int], list[Span]]


def _write(folder: Path, rows: list[Row], shard_rows: int = BATCH_ROWS) -> TokenDataset:
    with ArtifactWriter(folder, shard_rows=shard_rows) as writer:
        for row in rows:
            writer.add(*row)
        writer.close()
    return TokenDataset.open(folder)


@st.composite
def _rows(draw: st.DrawFn) -> list[Row]:
    rows: list[Row] = []
    for row_id in range(draw(st.integers(0, 12))):
        ids = draw(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=30))
        edges = sorted(draw(st.sets(st.integers(0, len(ids)), max_size=6)))
        spans = [
            (start, end, draw(st.floats(0, 10, width=32, exclude_min=True)))
            for start, end in zip(edges[::2], edges[1::2], strict=False)
        ]
        rows.append((row_id, ids, spans))
    return rows


@settings(max_examples=40, deadline=None)
@given(rows=_rows())
def test_rows_come_back_as_written(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> None:
    dataset = _write(tmp_path_factory.mktemp("artifact"), rows)
    assert len(dataset) == len(rows)
    for i, (row_id, ids, spans) in enumerate(rows):
        read, found, found_id = dataset.row(i)
        assert (read.tolist(), found, found_id) == (ids, spans, row_id)
        item = dataset[i]
        trained = {position for start, end, _ in spans for position in range(start, end)}
        assert item["labels"] == [token if at in trained else -100 for at, token in enumerate(ids)]
    assert dataset.lengths.tolist() == [len(ids) for _, ids, _ in rows]


def _many(count: int) -> list[Row]:
    return [(i, [i, i + 1, i + 2][: 1 + i % 3], [(0, 1, 1.0)]) for i in range(count)]


def test_random_access_across_shards_and_batches(tmp_path: Path) -> None:
    rows = _many(2 * BATCH_ROWS + 700)
    dataset = _write(tmp_path, rows)
    assert len(dataset.manifest["dataset"]["shards"]) == 3
    for i in np.random.RandomState(0).permutation(len(rows))[:300]:
        assert dataset[int(i)]["row_id"] == i
        assert dataset[int(i)]["input_ids"] == rows[i][1]
    assert dataset[-1]["row_id"] == len(rows) - 1
    assert [row["row_id"] for row in dataset[5:8]] == [5, 6, 7]
    with pytest.raises(IndexError):
        dataset[len(rows)]


def test_weights_become_loss_scale_only_where_some_are_not_one(tmp_path: Path) -> None:
    plain = _write(tmp_path / "plain", [(0, [7, 8, 9], [(1, 3, 1.0)])])
    assert plain[0] == {"input_ids": [7, 8, 9], "labels": [-100, 8, 9], "loss_scale": None, "row_id": 0}
    weighed = _write(tmp_path / "weighed", [(0, [7, 8, 9], [(1, 2, 1.0), (2, 3, 2.5)])])
    assert weighed[0]["loss_scale"] == [0.0, 1.0, 2.5]


def test_manifest_counts_rows_tokens_and_lengths(tmp_path: Path) -> None:
    info = _write(tmp_path, [(0, [1] * 4, [(1, 4, 1.0)]), (1, [1] * 9, [(8, 9, 1.0)])]).manifest["dataset"]
    assert (info["rows"], info["tokens"], info["trained_tokens"]) == (2, 13, 4)
    assert info["lengths"]["histogram"] == {"<=4": 1, "<=16": 1}
    assert (info["lengths"]["min"], info["lengths"]["max"]) == (4, 9)


def test_length_summary_percentiles() -> None:
    summary = length_summary(dict.fromkeys(range(1, 101), 1))
    assert (summary["p50"], summary["p95"], summary["p99"], summary["mean"]) == (50, 95, 99, 50.5)


def test_datasets_reads_a_shard(tmp_path: Path) -> None:
    _write(tmp_path, [(3, [7, 8, 9], [(1, 3, 0.5)])])
    read = datasets.Dataset.from_file(str(tmp_path / "data-00000.arrow"))
    assert read[0] == {"input_ids": [7, 8, 9], "spans": [{"start": 1, "end": 3, "weight": 0.5}], "row_id": 3}


def test_digest_is_the_content(tmp_path: Path) -> None:
    first, second = _write(tmp_path / "a", _many(50)), _write(tmp_path / "b", _many(50))
    other = _write(tmp_path / "c", _many(51))
    assert first.digest == second.digest != other.digest


def test_pickles_by_opening_again(tmp_path: Path) -> None:
    dataset = _write(tmp_path, _many(10))
    assert list(pickle.loads(pickle.dumps(dataset))) == list(dataset)


def test_empty_dataset_opens(tmp_path: Path) -> None:
    dataset = _write(tmp_path, [])
    assert len(dataset) == 0 and dataset.lengths.tolist() == []


def test_unfinished_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), ArtifactWriter(tmp_path) as writer:
        writer.add(0, [1], [])
        raise RuntimeError
    with pytest.raises(DataError, match="no manifest"):
        TokenDataset.open(tmp_path)


def test_folder_of_splits_is_refused_with_their_names(tmp_path: Path) -> None:
    _write(tmp_path / "train", _many(1))
    (tmp_path / "manifest.json").write_text(json.dumps({"files": {}}))
    with pytest.raises(DataError, match="train"):
        TokenDataset.open(tmp_path)


@pytest.mark.parametrize("damage", ["missing", "cut", "flipped"])
def test_damaged_shard_is_refused(tmp_path: Path, damage: str) -> None:
    _write(tmp_path, _many(2000))
    shard = tmp_path / "data-00000.arrow"
    data = bytearray(shard.read_bytes())
    if damage == "missing":
        shard.unlink()
    elif damage == "cut":
        shard.write_bytes(data[: len(data) // 2])
    else:
        data[len(data) // 2] ^= 1
        shard.write_bytes(data)

    def read() -> Any:
        return TokenDataset.open(tmp_path, verify=damage == "flipped").lengths

    with pytest.raises(DataError, match="shard"):
        read()
