"""Where a model's files are, and whether they can be used: local folders, hub downloads, formats, remote code."""

import json
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError
from packaging.requirements import Requirement

from swift_lib.core.errors import MissingDependency, ModelError, first_line

# Other formats of the same weights, and what only their makers need.
_STANDARD_SKIPS = (
    "*.bin",
    "*.pt",
    "*.pth",
    "*.h5",
    "*.msgpack",
    "*.onnx",
    "*.gguf",
    "*.zip",
    "*.ckpt",
    "original/*",
    "consolidated*",
)
_VOCABULARIES = ("tokenizer.json", "tokenizer.model", "vocab.*", "*.tiktoken", "tekken.json", "*.spm")
_WITHOUT_WEIGHTS = ("*.json", "*.txt", "*.model", "*.jinja", "*.py", "*.tiktoken")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def locate(
    id_or_path: str,
    *,
    revision: str | None = None,
    local_files_only: bool = False,
    with_weights: bool = True,
    ignore_patterns: Sequence[str] = (),
) -> Path:
    """The local folder of a model; a hub id is downloaded through the Hugging Face cache (HF_HUB_OFFLINE is heeded).

    ignore_patterns: regular expressions of file names not to download. Raises ModelError where nothing is there.
    """
    path = Path(id_or_path).expanduser()
    if path.is_dir():
        return path
    if path.exists():
        raise ModelError(
            "the model is a file, not a folder", where=str(path), fix="give the folder with its config.json"
        )
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", id_or_path):
        raise ModelError("no such model folder", where=id_or_path, fix="give a local folder or a hub id like org/name")
    try:
        folder = snapshot_download(
            id_or_path,
            revision=revision,
            local_files_only=local_files_only,
            allow_patterns=None if with_weights else list(_WITHOUT_WEIGHTS),
            ignore_patterns=[*_STANDARD_SKIPS, *(_as_glob(pattern) for pattern in ignore_patterns)],
        )
    except LocalEntryNotFoundError as error:
        raise ModelError(
            "neither a local folder nor in the Hugging Face cache, and the hub cannot be reached",
            where=id_or_path,
            fix="give a local folder, or unset HF_HUB_OFFLINE (--local_files_only) where there is a network",
        ) from error
    except (RepositoryNotFoundError, HfHubHTTPError) as error:
        raise ModelError(
            f"the hub does not give the model: {first_line(error)}",
            where=id_or_path,
            fix="correct the id, or set HF_TOKEN for a gated model",
        ) from error
    return Path(folder)


def _as_glob(pattern: str) -> str:
    """ModelMeta's regular expressions in the hub's form (`.+\\.bin$` is `*.bin`)."""
    return pattern.removeprefix("^").removesuffix("$").replace(".+", "*").replace(".*", "*").replace("\\.", ".")


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a model folder."""
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(
            "the folder has no config.json, so it is no model",
            where=str(folder),
            fix="give the folder with config.json and *.safetensors (for an adapter, its base model and --adapters)",
        )
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"config.json is not valid JSON: {error}", where=str(path)) from error
    if not isinstance(config, dict):
        raise ModelError("config.json is not an object", where=str(path))
    return config


def check_weights(folder: Path) -> None:
    """Refuse a folder without safetensors, or whose index names files that are not there."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        named = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        missing = sorted(name for name in named if not (folder / name).is_file())
        if missing:
            raise ModelError(
                f"{len(missing)} of {len(named)} weight files are missing: {', '.join(missing[:3])}",
                where=str(folder),
                fix="copy or download the model again",
            )
    elif not any(folder.glob("*.safetensors")):
        other = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern))
        raise ModelError(
            f"the weights are {other[0]}, and only safetensors is loaded" if other else "the folder has no weights",
            where=str(folder),
            fix="convert them with save_pretrained(..., safe_serialization=True)" if other else "give a complete model",
        )


def check_tokenizer(folder: Path) -> None:
    """Refuse a folder without a vocabulary: transformers would make an empty tokenizer of some classes."""
    if not any(next(folder.glob(pattern), None) for pattern in _VOCABULARIES):
        raise ModelError(
            "the folder has no tokenizer",
            where=str(folder),
            fix="copy tokenizer.json and tokenizer_config.json into it",
        )


def check_requires(requires: Sequence[str], who: str) -> None:
    """Refuse to load where a library that the type names is missing or of another version."""
    for text in requires:
        requirement = Requirement(text)
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError as error:
            raise MissingDependency(
                f"{who} needs {text}, which is not installed", fix=f"pip install '{text}'"
            ) from error
        if not requirement.specifier.contains(version, prereleases=True):
            raise ModelError(f"{who} needs {text}, and {version} is installed", fix=f"pip install '{text}'")


def remote_code(
    id_or_path: str, config: Mapping[str, Any], trust_remote_code: str | bool | None, known: bool
) -> dict[str, Any]:
    """Keyword arguments for from_pretrained: code from elsewhere runs only where it is allowed as `name@commit`.

    known: transformers has a class of its own, so that no other code is needed.
    """
    needs_code = bool(config.get("auto_map")) and not known
    if not trust_remote_code:
        if needs_code or not known:
            architecture = (config.get("architectures") or ["?"])[0]
            raise ModelError(
                f"transformers {metadata.version('transformers')} has no class {architecture}",
                where=id_or_path,
                fix="allow the model's own code with --trust_remote_code name@commit" if needs_code else "upgrade it",
            )
        return {"trust_remote_code": False}
    name, _, commit = str(trust_remote_code).partition("@")
    if not _COMMIT.fullmatch(commit):
        raise ModelError(
            f"trust_remote_code {trust_remote_code!r} does not name a commit",
            fix="write org/name@<40 hexadecimal digits>, the commit whose code you have read",
        )
    homes = {part.partition("--")[0] for part in _flat(config.get("auto_map") or {}) if "--" in part}
    if name not in (homes or {id_or_path}):
        raise ModelError(
            f"trust_remote_code allows {name}, and the code is of {', '.join(sorted(homes)) or id_or_path}",
            where=id_or_path,
            fix="name the repository of the code (code in a local folder has no commit: load it by hub id)",
        )
    return {"trust_remote_code": True, "code_revision": commit}


def _flat(auto_map: Mapping[str, Any]) -> list[str]:
    values = [part for value in auto_map.values() for part in (value if isinstance(value, list) else [value])]
    return [part for part in values if isinstance(part, str)]
