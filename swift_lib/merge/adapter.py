"""An adapter folder, looked at before anything is loaded."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from swift_lib.core.errors import ManifestError, ModelError
from swift_lib.core.manifest import check, has_manifest

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
# The kinds whose update is a matrix that can be added to the base weight. IA3 and the like scale activations or steer.
MERGEABLE = ("LORA", "ADALORA")


@dataclass(frozen=True)
class Adapter:
    """A whole adapter: its configuration, and the names of its tensors."""

    folder: Path
    config: dict[str, Any]
    keys: frozenset[str]


def read_adapter(folder: str | Path) -> Adapter:
    """Read what an adapter consists of. Raises ModelError or ManifestError, naming the file, if it is not whole."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ModelError("No such adapter folder", where=str(folder), fix="give the folder with adapter_config.json")
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise ModelError(
                f"The adapter has no {name}",
                where=str(folder),
                fix="give final/ or a complete checkpoint of a training run, or train again",
            )
    if has_manifest(folder):
        try:
            check(folder)
        except ManifestError as error:
            raise ModelError(
                f"The adapter is damaged: {error.what}", where=str(folder), fix="copy it again, or take a checkpoint"
            ) from error
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{CONFIG} is not valid JSON: {error}", where=str(folder)) from error
    kind = str(config.get("peft_type"))
    if kind not in MERGEABLE:
        raise ModelError(
            f"An adapter of type {kind} cannot be merged; these can: {', '.join(MERGEABLE)}",
            where=str(folder),
            fix="serve it beside its base with --adapters",
        )
    return Adapter(folder, config, frozenset(tensor_names(folder / WEIGHTS)))


def tensor_names(path: Path) -> list[str]:
    """Names in a safetensors file. Raises ModelError for one that is cut off or not safetensors."""
    try:
        with safe_open(path, framework="pt") as tensors:
            return list(tensors.keys())
    except SafetensorError as error:
        raise ModelError(
            f"The weights cannot be read: {str(error).splitlines()[0]}", where=str(path), fix="copy the file again"
        ) from error
