"""A folder's manifest: what is in it, how it was made. Written last, so its presence says that the rest is whole."""

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from swift_lib.core import environment, storage
from swift_lib.core.errors import ManifestError
from swift_lib.core.files import sha256_file, walk_files, write_atomic
from swift_lib.core.safety import redact
from swift_lib.core.threads import DaemonPool

__all__ = [
    "MANIFEST",
    "check",
    "code_commit",
    "content_hash",
    "has_manifest",
    "installed_versions",
    "read_manifest",
    "sha256_file",
    "verify",
    "write_manifest",
]

MANIFEST = storage.MANIFEST
_FORMAT = 1
_LIBRARIES = (
    "swift-pipelines",
    "torch",
    "transformers",
    "peft",
    "trl",
    "datasets",
    "tokenizers",
    "safetensors",
    "pyarrow",
    "vllm",
    "kfp",
    "mlflow",
)


def content_hash(value: Any) -> str:
    """sha256 of a value's canonical JSON: key order and container type (tuple, list) do not matter, 1 and 1.0 differ.

    Raises TypeError for what JSON cannot hold, NaN included.
    """
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    except ValueError as error:
        raise TypeError(f"not hashable as JSON: {error}") from error
    return hashlib.sha256(text.encode()).hexdigest()


def write_manifest(
    folder: str | Path,
    *,
    stage: str,
    arguments: Mapping[str, Any],
    inputs: Sequence[Mapping[str, Any]] = (),
    seconds: float | None = None,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Hash everything in `folder` and write its manifest, atomically, as the last file. Returns the manifest.

    `inputs` are one mapping each, with at least a `uri` or `name` and the `digest` of that input's manifest where it
    has one. `digest` of the result covers the files only: equal content, equal digest, whenever it was made.
    """
    folder = Path(folder)
    files = _hash_files(folder)
    manifest = {
        "format": _FORMAT,
        "stage": stage,
        "digest": content_hash(files),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": None if seconds is None else round(seconds, 3),
        "seed": arguments.get("seed"),
        "arguments": redact(dict(arguments)),
        "inputs": [redact(dict(item)) for item in inputs],
        "versions": installed_versions(),
        "commit": code_commit(),
        "image": environment.image(),
        **(redact(dict(extra)) if extra else {}),
        "files": files,
    }
    text = json.dumps(manifest, indent=1, ensure_ascii=False, default=str)
    write_atomic(folder / MANIFEST, text.encode())
    return manifest


def _hash_files(folder: Path) -> dict[str, dict[str, Any]]:
    sizes = {name: size for name, size in walk_files(folder).items() if name != MANIFEST}
    with DaemonPool(4) as pool:
        digests = pool.map(lambda name: sha256_file(folder / name), sizes)
        return {name: {"size": sizes[name], "sha256": digest} for name, digest in zip(sizes, digests, strict=True)}


def has_manifest(uri: str | Path) -> bool:
    """True if the folder or prefix is complete, as far as its manifest being there says."""
    return storage.exists(storage.join(str(uri), MANIFEST))


def read_manifest(uri: str | Path) -> dict[str, Any]:
    """Manifest of a local folder or an s3:// prefix. Raises ManifestError if it is absent or not one of ours."""
    place = storage.join(str(uri), MANIFEST)
    if not storage.exists(place):
        raise ManifestError(
            f"There is no {MANIFEST}", where=str(uri), fix="make the folder again: what has no manifest is not complete"
        )
    return storage.parse_manifest(storage.read_bytes(place), place)


def verify(uri: str | Path, *, hashes: bool = True) -> list[str]:
    """Problems of a folder or prefix against its manifest, one line each; none: it is whole.

    `hashes=False` compares sizes only. Raises ManifestError if there is no readable manifest.
    """
    manifest = read_manifest(uri)
    listed: dict[str, Any] = manifest["files"]
    problems = []
    if manifest.get("digest") != content_hash(listed):
        problems.append(f"{MANIFEST}: its list of files was changed after it was written")
    found = storage.list_files(str(uri))
    found.pop(MANIFEST, None)
    problems += [f"{name}: missing" for name in listed if name not in found]
    problems += [f"{name}: not in the manifest" for name in found if name not in listed]
    present = [name for name in listed if name in found]
    wrong = {name for name in present if found[name] != listed[name]["size"]}
    problems += [f"{name}: {found[name]} bytes instead of {listed[name]['size']}" for name in sorted(wrong)]
    if hashes:
        rest = [name for name in present if name not in wrong]
        with DaemonPool(4) as pool:
            digests = pool.map(lambda name: storage.sha256(storage.join(str(uri), name)), rest)
            problems += [
                f"{name}: content differs from the manifest's sha256"
                for name, digest in zip(rest, digests, strict=True)
                if digest != listed[name]["sha256"]
            ]
    return problems


def check(uri: str | Path, *, hashes: bool = True) -> dict[str, Any]:
    """The manifest of a folder that matches it. Raises ManifestError with the first problems otherwise."""
    problems = verify(uri, hashes=hashes)
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ManifestError(
            f"The folder does not match its manifest: {'; '.join(problems[:3])}{more}",
            where=str(uri),
            fix="fetch or make it again",
        )
    return read_manifest(uri)


@cache
def installed_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that shape a result, where installed."""
    versions = {"python": platform.python_version(), "platform": platform.platform()}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions


@cache
def code_commit() -> str:
    """Commit of this code, with `+changes` where the tree differs; "" where neither an image nor git knows."""
    if commit := environment.code_commit():
        return commit
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    commit = _git(root, "rev-parse", "HEAD")
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}+changes" if commit and changed else commit


def _git(root: Path, *words: str) -> str:
    try:
        result = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return result.stdout.strip() if result.returncode == 0 else ""
