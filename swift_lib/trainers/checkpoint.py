"""Checkpoints: complete when their manifest is there, and only then gone on from, counted or kept in others' place."""

import logging
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from swift_lib.core.errors import ManifestError
from swift_lib.core.manifest import check, has_manifest
from swift_lib.core.storage import upload

logger = logging.getLogger(__name__)

# (stage, step, folder): say what a folder of saved weights is, and write its manifest as the last file.
Describe = Callable[[str, int, Path], None]

_NAME = re.compile(r"checkpoint-(\d+)")


def complete_checkpoints(output_dir: Path) -> list[Path]:
    """Complete checkpoints, the oldest first."""
    return [path for path in _checkpoints(output_dir) if has_manifest(path)]


def newest_intact(output_dir: Path) -> Path | None:
    """The newest checkpoint whose files match its manifest; a damaged one is named and passed over, not deleted."""
    for path in reversed(complete_checkpoints(output_dir)):
        try:
            check(path)
        except ManifestError as error:
            logger.warning("not going on from %s: %s", path.name, error)
            continue
        return path
    return None


def remove_incomplete(output_dir: Path) -> list[str]:
    """Delete what a killed or failed save left behind; returns the names. Complete checkpoints are never touched."""
    torn = [path for path in _checkpoints(output_dir) if not has_manifest(path)]
    for path in torn:
        shutil.rmtree(path)
        logger.info("removed %s, which was not written to its end", path.name)
    return [path.name for path in torn]


def seal(path: Path, step: int, describe: Describe, checkpoint_uri: str = "") -> None:
    """Describe a checkpoint, which makes it complete, and copy it to `checkpoint_uri` where one is given."""
    describe("checkpoint", step, path)
    assert has_manifest(path), f"{path} was not described to its end"
    if checkpoint_uri:
        upload(path, f"{checkpoint_uri.rstrip('/')}/{path.name}")


def prune(output_dir: Path, limit: int | None, keep: Path | None) -> None:
    """Delete the oldest complete checkpoints beyond `limit`; never the newest nor `keep` (the best)."""
    complete = complete_checkpoints(output_dir)
    if limit is None or len(complete) <= limit:
        return
    removable = [path for path in complete[:-1] if keep is None or path.resolve() != keep.resolve()]
    for path in removable[: len(complete) - limit]:
        shutil.rmtree(path)


def _checkpoints(output_dir: Path) -> list[Path]:
    found = [path for path in output_dir.glob("checkpoint-*") if path.is_dir() and _NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: int(path.name.partition("-")[2]))
