"""Small honest file operations: hashed, written whole or not at all, disk trouble told in one paragraph."""

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from swift_lib.core.errors import OutputError

# Files of ours that are in transit; no manifest lists them and no reader sees them.
ASIDE = ".swift-"
# The arguments that made an output, beside it.
ARGS_FILE = "args.json"

_CHUNK = 1 << 20
_FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file grows too large",
}
_CLOSED = {
    errno.EACCES: "no permission to write",
    errno.EPERM: "no permission to write",
    errno.EROFS: "it is read-only",
}
# safetensors and torch report a full disk in exceptions of their own, with only a text to tell it by.
_FULL_TEXT = re.compile(
    r"No space left on device|os error 28\b|Disk quota exceeded|File too large|PytorchStreamWriter failed"
)


def sha256_file(path: str | Path) -> str:
    """Hex digest of a file's content."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def walk_files(folder: Path) -> dict[str, int]:
    """Relative POSIX path to size of every file below a folder, sorted; links count, files in transit do not."""
    found = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(ASIDE)]
        for name in names:
            path = Path(parent, name)
            if not name.startswith(ASIDE) and path.is_file():
                found[path.relative_to(folder).as_posix()] = path.stat().st_size
    return dict(sorted(found.items()))


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that a reader finds the old content or all of the new, also after a crash."""
    with replacing(path) as stream:
        stream.write(data)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """The same for what is written piece by piece: a stream that becomes the file once the block has ended well."""
    aside = path.with_name(f"{ASIDE}{path.name}-{os.getpid()}")
    with disk_errors(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(aside, "wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)


@contextmanager
def disk_errors(where: str) -> Iterator[None]:
    """Turn a full disk, a quota, a size limit or a missing permission into one OutputError; pass on anything else."""
    try:
        yield
    except Exception as error:
        reason, fix = _disk_reason(error, where)
        if not reason:
            raise
        raise OutputError(f"Cannot write: {reason}", where=where, fix=fix) from error


def _disk_reason(error: Exception, where: str) -> tuple[str, str]:
    number = error.errno if isinstance(error, OSError) else None
    if number in _FULL or (number is None and _FULL_TEXT.search(str(error))):
        reason = _FULL.get(number or errno.ENOSPC, "the disk is full")
        return (
            reason,
            "free space or choose another output folder, then run again: complete checkpoints are kept and used",
        )
    # A file elsewhere that may not be read is not our output's trouble.
    file = getattr(error, "filename", None)
    if number in _CLOSED and (file is None or str(file).startswith(where)):
        return _CLOSED[number], "choose an output folder that this user may write to"
    return "", ""


def human_size(size: float) -> str:
    """1536 -> "1.5 KiB"."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
