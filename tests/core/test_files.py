import errno
import os
from pathlib import Path

import pytest

from swift_lib.core.errors import OutputError
from swift_lib.core.files import disk_errors, human_size, sha256_file, walk_files, write_atomic


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "file.json"
    write_atomic(target, b"one")
    write_atomic(target, b"two")
    assert target.read_bytes() == b"two" and os.listdir(target.parent) == ["file.json"]


def test_a_failed_write_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "file"
    write_atomic(target, b"old")

    def full(_fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="the disk is full"):
        write_atomic(target, b"new")
    assert target.read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "x"), "the disk is full"),
        (OSError(errno.EDQUOT, "x"), "quota"),
        (OSError(errno.EFBIG, "x"), "too large"),
        (PermissionError(errno.EACCES, "x"), "no permission"),
        (OSError(errno.EROFS, "x"), "read-only"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "the disk is full"),
        (RuntimeError("PytorchStreamWriter failed writing file data/3"), "the disk is full"),
    ],
)
def test_disk_trouble_becomes_one_paragraph(error: Exception, reason: str) -> None:
    with pytest.raises(OutputError, match=reason) as caught, disk_errors("/out/x"):
        raise error
    assert "/out/x" in str(caught.value) and caught.value.fix


@pytest.mark.parametrize(
    "error", [ValueError("shape"), FileNotFoundError(errno.ENOENT, "x"), PermissionError(errno.EACCES, "x", "/in/put")]
)
def test_other_errors_pass(error: Exception) -> None:
    with pytest.raises(type(error)), disk_errors("/out"):
        raise error


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_really_full_device_is_reported() -> None:
    with pytest.raises(OutputError, match="full"), disk_errors("/dev/full"), open("/dev/full", "wb", 0) as stream:
        stream.write(b"x")


def test_walk_sees_links_and_no_files_in_transit(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x").write_bytes(b"123")
    (tmp_path / "a").symlink_to(tmp_path / "b" / "x")
    (tmp_path / ".swift-x-1").write_bytes(b"")
    (tmp_path / "dangling").symlink_to(tmp_path / "nothing")
    assert walk_files(tmp_path) == {"a": 3, "b/x": 3}


def test_sha256_is_the_known_one(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256_file(tmp_path / "x").startswith("ba7816bf8f01cfea")


def test_sizes_read_well() -> None:
    assert [human_size(size) for size in (0, 1023, 1536, 5 << 30)] == ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]
