"""Preprocessing from and to an object store, and in several processes."""

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from swift_lib.core import s3, storage
from swift_lib.dataset.artifact import TokenDataset
from swift_lib.pipelines.preprocess import PreprocessResult, preprocess_main

pytestmark = pytest.mark.integration


@pytest.fixture()
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = None
    if not (endpoint := os.environ.get("SWIFT_TEST_S3_ENDPOINT")):
        moto = pytest.importorskip("moto.server", reason="pip install 'moto[server]', or set SWIFT_TEST_S3_ENDPOINT")
        server = moto.ThreadedMotoServer(port=0, verbose=False)
        server.start()
        endpoint = "http://{}:{}".format(*server.get_host_and_port())
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test-secret")
    monkeypatch.setenv("S3_ENDPOINT_URL", endpoint)
    s3._client.cache_clear()
    name = f"swift-{uuid.uuid4().hex[:12]}"
    s3.client().create_bucket(Bucket=name)
    yield f"s3://{name}"
    if server:
        server.stop()


def _jsonl(rows: list[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _run(model: Path, output: Path, dataset: str, **more: Any) -> PreprocessResult:
    given = {"model": str(model), "dataset": [dataset], "output_dir": str(output), "track_uri": "none"}
    return preprocess_main(given | more)


def test_rows_and_cache_on_s3(
    bucket: str, tiny_model: Path, chat_rows: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWIFT_CACHE", str(tmp_path / "home"))
    for number, rows in enumerate((chat_rows[:20], chat_rows[20:])):
        storage.write_bytes(f"{bucket}/rows/{number}.jsonl", _jsonl(rows))
    cache = f"{bucket}/cache"
    first = _run(tiny_model, tmp_path / "a", f"{bucket}/rows#30", data_cache_uri=cache)
    second = _run(tiny_model, tmp_path / "b", f"{bucket}/rows#30", data_cache_uri=cache)
    assert (first.kept, first.reused, second.reused) == (30, 0, 1)
    shard = f"{cache}/{first.key}/train/data-00000.arrow"
    data = bytearray(storage.read_bytes(shard))
    data[len(data) // 2] ^= 1
    storage.write_bytes(shard, bytes(data))
    third = _run(tiny_model, tmp_path / "c", f"{bucket}/rows#30", data_cache_uri=cache)
    fourth = _run(tiny_model, tmp_path / "d", f"{bucket}/rows#30", data_cache_uri=cache)
    assert (third.reused, fourth.reused) == (0, 1) and first.digest == fourth.digest
    storage.write_bytes(f"{bucket}/rows/0.jsonl", _jsonl(chat_rows[1:21]))
    assert _run(tiny_model, tmp_path / "e", f"{bucket}/rows#30", data_cache_uri=cache).reused == 0


def test_processes_give_the_same_rows_in_the_same_order(
    tiny_model: Path, chat_rows: list[dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_bytes(_jsonl(chat_rows * 40))
    one = _run(tiny_model, tmp_path / "one", str(tmp_path / "rows.jsonl"))
    two = _run(tiny_model, tmp_path / "two", str(tmp_path / "rows.jsonl"), dataset_num_proc=2)
    assert one.digest == two.digest and one.kept == two.kept == 1600
    assert [row["row_id"] for row in TokenDataset.open(tmp_path / "two" / "train")] == list(range(1600))
