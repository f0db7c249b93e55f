"""An adapter folder, looked at before anything is loaded."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from swift_lib.core.errors import ManifestError, ModelError, first_line
from swift_lib.core.manifest import check, has_manifest
from swift_lib.merge.kinds import require_mergeable

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True)
class Adapter:
    """A whole adapter: its configuration, and the names of its tensors."""

    folder: Path
    config: dict[str, Any]
    keys: frozenset[str]


def read_adapter(folder: str | Path, *, is_own: bool = False) -> Adapter:
    """Read what an adapter consists of. Raises ModelError, naming the file, if it is not whole or of a kind that cannot
    be merged.

    is_own: a plugin's tuner wrote it, and knows by itself which files there are and how they are merged.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ModelError("No such adapter folder", where=str(folder), fix="give the folder with adapter_config.json")
    if is_own:
        _require_unchanged(folder)
        return Adapter(folder, {}, frozenset())
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise ModelError(
                f"The adapter has no {name}",
                where=str(folder),
                fix="give final/ or a complete checkpoint of a training run, or train again",
            )
    _require_unchanged(folder)
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{CONFIG} is not valid JSON: {error}", where=str(folder)) from error
    require_mergeable(str(config.get("peft_type")), str(folder))
    return Adapter(folder, config, frozenset(tensor_names(folder / WEIGHTS)))


def _require_unchanged(folder: Path) -> None:
    if has_manifest(folder):
        try:
            check(folder)
        except ManifestError as error:
            raise ModelError(
                f"The adapter is damaged: {error.what}", where=str(folder), fix="copy it again, or take a checkpoint"
            ) from error


def tensor_names(path: Path) -> list[str]:
    """Names in a safetensors file. Raises ModelError for one that is cut off or not safetensors."""
    try:
        with safe_open(path, framework="pt") as tensors:
            return list(tensors.keys())
    except SafetensorError as error:
        raise ModelError(
            f"The weights cannot be read: {first_line(error)}", where=str(path), fix="copy the file again"
        ) from error
