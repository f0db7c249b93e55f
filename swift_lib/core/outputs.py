"""Output folders: never somebody else's, recognisably unfinished until they are done."""

import json
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows: no lock
    fcntl = None  # type: ignore[assignment]

from swift_lib.core.errors import OutputError
from swift_lib.core.files import ASIDE, disk_errors
from swift_lib.core.storage import MANIFEST

__all__ = ["IN_PROGRESS", "Claim", "claim_output", "disk_errors", "finish_output", "is_in_progress"]

IN_PROGRESS = f"{ASIDE}in-progress"
_WAIT_SECONDS = 10.0  # a killed predecessor's children may hold the lock for a moment


@dataclass(frozen=True)
class Claim:
    """An output folder that is ours to write. `resumed`: an unfinished run was here; its complete checkpoints count."""

    folder: Path
    resumed: bool


def is_in_progress(folder: str | Path) -> bool:
    """True if a run claimed the folder and did not finish."""
    return Path(folder, IN_PROGRESS).is_file()


@contextmanager
def claim_output(folder: str | Path, *, resume_ok: bool = True) -> Iterator[Claim]:
    """Claim an output folder for the time of a `with` block; call `finish_output` inside it when all is written.

    An empty or absent folder is taken. One that carries the in-progress marker is taken over for a retry (its manifest,
    if it got that far, is withdrawn; nothing else is deleted) unless `resume_ok` is False. Any other non-empty folder,
    and one that a living process is writing, raises OutputError. Claim in one process of a distributed run only.
    """
    folder = Path(folder)
    created = not folder.exists()
    resumed = _may_take(folder, resume_ok)
    with disk_errors(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        marker = open(folder / IN_PROGRESS, "a+", encoding="utf-8")  # noqa: SIM115 - closed with the claim, below
    with marker:
        _lock(marker, folder)
        with disk_errors(str(folder)):
            _sign(marker)
            (folder / MANIFEST).unlink(missing_ok=True)
        try:
            yield Claim(folder, resumed)
        except BaseException:
            _withdraw_if_unused(folder, created)
            raise
        finally:
            _unlock(marker)


def finish_output(folder: str | Path) -> None:
    """Take the marker away. Call after the manifest is written; asserts that it is."""
    folder = Path(folder)
    assert (folder / MANIFEST).is_file(), f"{folder} is finished before its manifest is written"
    for path in folder.glob(f"{ASIDE}plan-*"):  # of use to a next try only
        path.unlink()
    (folder / IN_PROGRESS).unlink(missing_ok=True)


def _may_take(folder: Path, resume_ok: bool) -> bool:
    if not folder.exists():
        return False
    if not folder.is_dir():
        raise OutputError("The output folder is a file", where=str(folder), fix="choose another --output_dir")
    if is_in_progress(folder):
        if not resume_ok:
            raise OutputError(
                "The output folder holds an unfinished run", where=str(folder), fix="choose another --output_dir"
            )
        return True
    if any(not path.name.startswith(ASIDE) for path in folder.iterdir()):
        state = "holds a finished result" if (folder / MANIFEST).is_file() else "is not empty and not one of ours"
        raise OutputError(
            f"The output folder {state}; nothing in it was touched",
            where=str(folder),
            fix="choose another --output_dir, or empty this one",
        )
    return False


def _lock(marker: IO[str], folder: Path) -> None:
    """Hold an advisory lock as long as the process lives, so that two runs cannot write one folder."""
    if fcntl is None:
        return
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                marker.seek(0)
                raise OutputError(
                    f"Another process is writing this folder ({marker.read().strip() or 'unknown'})",
                    where=str(folder),
                    fix="wait for it, end it, or choose another --output_dir",
                ) from error
            time.sleep(0.2)
        except OSError:  # a file system without locks, as some network mounts are
            return


def _unlock(marker: IO[str]) -> None:
    """Give the lock back for forked children too, which hold the same open file."""
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(marker, fcntl.LOCK_UN)


def _sign(marker: IO[str]) -> None:
    marker.seek(0)
    marker.truncate()
    started = datetime.now(UTC).isoformat(timespec="seconds")
    json.dump({"host": socket.gethostname(), "pid": os.getpid(), "started": started}, marker)
    marker.flush()


def _withdraw_if_unused(folder: Path, created: bool) -> None:
    """A run that failed before writing anything leaves no trace."""
    if any(path.name != IN_PROGRESS for path in folder.iterdir()):
        return
    (folder / IN_PROGRESS).unlink(missing_ok=True)
    if created:
        shutil.rmtree(folder, ignore_errors=True)
