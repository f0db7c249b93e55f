"""Storage against a real S3 server: the one that SWIFT_TEST_S3_ENDPOINT names, else moto's, started here."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from swift_lib.core import manifest, s3, storage
from swift_lib.core.errors import StorageError

pytestmark = pytest.mark.integration


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "big.bin").write_bytes(os.urandom(1 << 20) * 20)  # more than one part
    (source / "deep" / "ünï code+plus.txt").write_text("text")
    for number in range(12):
        (source / f"{number}.txt").write_text(str(number))
    manifest.write_manifest(source, stage="train", arguments={})
    return source


def test_a_folder_goes_there_and_back(bucket: str, folder: Path, tmp_path: Path) -> None:
    uri = f"s3://{bucket}/run/final"
    storage.upload(folder, uri)
    assert manifest.verify(uri) == []
    assert storage.list_files(uri) == storage.list_files(str(folder))
    back = storage.download(uri, tmp_path / "back", require_manifest=True)
    assert manifest.verify(back) == []


def test_an_upload_sends_only_what_differs(bucket: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"s3://{bucket}/final"
    storage.upload(folder, uri)
    (folder / "0.txt").write_text("changed")
    (folder / "1.txt").unlink()
    manifest.write_manifest(folder, stage="train", arguments={})
    s3.write(f"{uri}/somebody-elses.txt", b"x")
    sent: list[str] = []
    really = s3.upload_file

    def upload_file(path: Path, place: str, sha256: str) -> None:
        sent.append(path.name)
        really(path, place, sha256)

    monkeypatch.setattr(s3, "upload_file", upload_file)
    storage.upload(folder, uri)
    assert sent == ["0.txt"]
    assert not storage.exists(f"{uri}/1.txt") and storage.exists(f"{uri}/somebody-elses.txt")
    assert manifest.verify(uri) == ["somebody-elses.txt: not in the manifest"]


def test_while_content_is_replaced_there_is_no_manifest(
    bucket: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"s3://{bucket}/final"
    storage.upload(folder, uri)
    (folder / "0.txt").write_text("changed")
    manifest.write_manifest(folder, stage="train", arguments={})

    def broken(*_values: object) -> None:
        raise StorageError("the line broke")

    with monkeypatch.context() as patch:
        patch.setattr(s3, "upload_file", broken)
        with pytest.raises(StorageError, match="the line broke"):
            storage.upload(folder, uri)
    assert not manifest.has_manifest(uri)
    storage.upload(folder, uri)
    assert manifest.verify(uri) == []


UPLOAD = "import sys; from swift_lib.core.storage import upload; upload(sys.argv[1], sys.argv[2])"


def test_a_killed_upload_is_not_visible_and_goes_on(bucket: str, tmp_path: Path) -> None:
    source = tmp_path / "many"
    source.mkdir()
    for number in range(120):
        (source / f"{number}.bin").write_bytes(os.urandom(20_000))
    manifest.write_manifest(source, stage="train", arguments={})
    uri = f"s3://{bucket}/many"
    child = subprocess.Popen([sys.executable, "-c", UPLOAD, str(source), uri], cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 30
    while len(s3.list_objects(uri)) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    arrived = s3.list_objects(uri)
    assert 5 <= len(arrived) < 120 and "manifest.json" not in arrived
    with pytest.raises(StorageError, match="not complete"):
        storage.download(uri, tmp_path / "torn", require_manifest=True)
    storage.upload(source, uri)
    assert manifest.verify(uri) == []


def test_a_file_damaged_at_home_is_not_sent(bucket: str, folder: Path) -> None:
    (folder / "0.txt").write_text("!")
    with pytest.raises(StorageError, match="differs from the folder's manifest"):
        storage.upload(folder, f"s3://{bucket}/final")
    assert not manifest.has_manifest(f"s3://{bucket}/final")


def test_damage_at_the_store_is_found(bucket: str, folder: Path, tmp_path: Path) -> None:
    uri = f"s3://{bucket}/final"
    storage.upload(folder, uri)
    s3.write(f"{uri}/0.txt", b"!")
    assert manifest.verify(uri) == ["0.txt: content differs from the manifest's sha256"]
    with pytest.raises(StorageError, match="differs from its manifest"):
        storage.download(uri, tmp_path / "back")
    assert not (tmp_path / "back" / "manifest.json").exists()


def test_uploading_the_same_again_mends_what_was_damaged(bucket: str, folder: Path, tmp_path: Path) -> None:
    uri = f"s3://{bucket}/mended"
    storage.upload(folder, uri)
    storage.write_bytes(f"{uri}/3.txt", b"X")
    storage.upload(folder, uri)
    assert storage.read_bytes(f"{uri}/3.txt") == b"3"
    storage.download(uri, tmp_path / "copy", require_manifest=True)


def test_fetch_keeps_a_copy_until_the_source_changes(bucket: str, folder: Path, tmp_path: Path) -> None:
    cache, uri = tmp_path / "cache", f"s3://{bucket}/data/rows"
    storage.write_bytes(f"{uri}/a.jsonl", b"1")
    first = storage.fetch(uri, cache)
    assert (first / "a.jsonl").read_bytes() == b"1" and storage.fetch(uri, cache) == first
    storage.write_bytes(f"{uri}/a.jsonl", b"2")
    assert (storage.fetch(uri, cache) / "a.jsonl").read_bytes() == b"2"
    one = storage.fetch(f"{uri}/a.jsonl", cache)
    assert one.name == "a.jsonl" and one.read_bytes() == b"2"
    storage.upload(folder, uri)
    whole = storage.fetch(uri, cache)
    assert manifest.verify(whole) == []


def test_streams_read_ranges_and_notice_a_change(bucket: str) -> None:
    uri = f"s3://{bucket}/x.bin"
    data = os.urandom(9 << 20)
    storage.write_bytes(uri, data)
    with storage.open_stream(uri) as stream:
        assert stream.read(10) == data[:10]
        stream.seek(-5, os.SEEK_END)
        assert stream.read() == data[-5:]
        storage.write_bytes(uri, data[::-1])
        stream.seek(0)
        with pytest.raises(StorageError):
            stream.read(10)
    assert storage.read_bytes(uri) == data[::-1] and storage.list_files(uri) == {"x.bin": len(data)}


def test_parquet_is_read_through_a_stream(bucket: str, tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table({"a": [1, 2, 3]}), tmp_path / "t.parquet")
    storage.write_bytes(f"s3://{bucket}/t.parquet", (tmp_path / "t.parquet").read_bytes())
    with storage.open_stream(f"s3://{bucket}/t.parquet") as stream:
        assert pyarrow.parquet.read_table(stream)["a"].to_pylist() == [1, 2, 3]


def test_delete_takes_a_prefix_but_no_bucket(bucket: str, folder: Path) -> None:
    uri = f"s3://{bucket}/a/final"
    storage.upload(folder, uri)
    s3.write(f"s3://{bucket}/a/final2/x", b"kept")
    storage.delete(uri)
    assert list(s3.list_objects(f"s3://{bucket}")) == ["a/final2/x"]
    with pytest.raises(StorageError, match="whole bucket"):
        storage.delete(f"s3://{bucket}")


def test_a_prefix_is_not_its_longer_neighbour(bucket: str) -> None:
    storage.write_bytes(f"s3://{bucket}/run10/x", b"1")
    assert not storage.exists(f"s3://{bucket}/run1") and storage.exists(f"s3://{bucket}/run10")
    assert storage.list_files(f"s3://{bucket}/run1") == {}


def test_errors_say_what_to_do(bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="create the bucket"):
        storage.list_files("s3://no-such-bucket-here/x")
    with pytest.raises(StorageError, match="no such object"):
        storage.read_bytes(f"s3://{bucket}/nothing")
    with pytest.raises(StorageError, match="nothing to download"):
        storage.download(f"s3://{bucket}/nothing", tmp_path / "x")
    with pytest.raises(StorageError, match="names no bucket"):
        storage.list_files("s3:///x")
    with monkeypatch.context() as patch, pytest.raises(StorageError, match="S3_ENDPOINT_URL"):
        patch.setenv("S3_ENDPOINT_URL", "http://127.0.0.1:9")
        patch.setenv("AWS_MAX_ATTEMPTS", "1")
        storage.list_files(f"s3://{bucket}/x")
