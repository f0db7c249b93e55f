"""Full weights as they are: the files of a model without those of the run that made it, linked where possible."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from swift_lib.core.errors import ManifestError, ModelError
from swift_lib.core.manifest import MANIFEST, check, has_manifest
from swift_lib.merge.adapter import CONFIG, tensor_names

_KINDS = (".json", ".safetensors", ".txt", ".model", ".jinja", ".tiktoken", ".spm", ".py")
_OF_THE_RUN = (MANIFEST, CONFIG, "args.json", "trainer_state.json", "metrics.json")


def require_whole_model(folder: Path) -> None:
    """Raise ModelError for a folder that differs from its manifest, or whose weight files are cut off."""
    if has_manifest(folder):
        try:
            check(folder)
        except ManifestError as error:
            raise ModelError(
                f"The weights are damaged: {error.what}", where=str(folder), fix="copy them again"
            ) from error
    for path in sorted(folder.glob("*.safetensors")):
        tensor_names(path)


def pass_through(folder: Path, target: Path, additional: Sequence[str] = ()) -> list[str]:
    """Put the model files of `folder` into `target`, and `additional` ones by name; returns the names."""
    names = [
        path.name
        for path in sorted(folder.iterdir())
        if path.is_file() and path.suffix in _KINDS and path.name not in _OF_THE_RUN
    ]
    names += [name for name in additional if (folder / name).is_file() and name not in names]
    for name in names:
        _link(folder / name, target / name)
    return names


def copy_additional(folder: Path, target: Path, names: Sequence[str]) -> None:
    """Copy files that a model type wants beside its weights, where the base has them."""
    for name in names:
        if (folder / name).is_file() and not (target / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, target / name)


def _link(source: Path, target: Path) -> None:
    """A hard link, which costs nothing; a copy where the file system has none. Links in a hub's cache are followed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    real = source.resolve()
    if source.suffix == ".safetensors":
        try:
            os.link(real, target)
            return
        except OSError:
            pass  # another file system, or no permission for links
    shutil.copyfile(real, target)
