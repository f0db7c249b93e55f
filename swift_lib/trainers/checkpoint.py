"""Checkpoints: complete when their manifest is there, and only then gone on from, counted or kept in others' place."""

import logging
import re
import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from swift_lib.core.errors import ManifestError
from swift_lib.core.manifest import check, has_manifest
from swift_lib.core.storage import delete

logger = logging.getLogger(__name__)

# (stage, step, folder, facts): say what a folder of saved weights is, and write its manifest as the last file.
Describe = Callable[[str, int, Path, Mapping[str, Any]], None]

_NAME = re.compile(r"checkpoint-(\d+)")


def step_of(name: str) -> int | None:
    """The step that a checkpoint's folder is named after; None for any other name."""
    found = _NAME.fullmatch(name)
    return int(found[1]) if found else None


def complete_checkpoints(output_dir: Path) -> list[Path]:
    """Complete checkpoints, the oldest first."""
    return [path for path in _checkpoints(output_dir) if has_manifest(path)]


def newest_intact(output_dir: Path, wanted: Callable[[Mapping[str, Any]], bool] = lambda manifest: True) -> Path | None:
    """The newest checkpoint whose files match its manifest, of those whose manifest is `wanted`.

    A damaged one is named and passed over, not deleted.
    """
    for path in reversed(complete_checkpoints(output_dir)):
        try:
            if wanted(check(path)):
                return path
        except ManifestError as error:
            logger.warning("not going on from %s: %s", path.name, error)
    return None


def remove_incomplete(output_dir: Path) -> list[str]:
    """Delete what a killed or failed save left behind; returns the names. Complete checkpoints are never touched."""
    torn = [path for path in _checkpoints(output_dir) if not has_manifest(path)]
    for path in torn:
        shutil.rmtree(path)
        logger.info("removed %s, which was not written to its end", path.name)
    return [path.name for path in torn]


def seal(path: Path, step: int, describe: Describe, facts: Mapping[str, Any]) -> None:
    """Describe a checkpoint, which makes it complete."""
    describe("checkpoint", step, path, facts)
    assert has_manifest(path), f"{path} was not described to its end"


def beyond(steps: Collection[int], limit: int | None, keep: Collection[int]) -> list[int]:
    """The steps whose checkpoints go so that `limit` stay: the oldest, never the newest nor those in `keep`."""
    if limit is None or len(steps) <= limit:
        return []
    removable = [step for step in sorted(steps)[:-1] if step not in keep]
    return removable[: len(steps) - limit]


def prune(
    output_dir: Path,
    limit: int | None,
    best: int | None = None,
    may_delete: Callable[[Path], bool] = lambda path: True,
) -> None:
    """Delete the oldest complete checkpoints beyond `limit`; never the newest, that of step `best`, or one that
    `may_delete` holds on to.
    """
    complete = {step: path for path in complete_checkpoints(output_dir) if (step := step_of(path.name)) is not None}
    for step in beyond(complete, limit, () if best is None else (best,)):
        if may_delete(complete[step]):
            delete(str(complete[step]))


def _checkpoints(output_dir: Path) -> list[Path]:
    found = [path for path in output_dir.glob("checkpoint-*") if path.is_dir() and step_of(path.name) is not None]
    return sorted(found, key=lambda path: step_of(path.name) or 0)
