"""Where rows come from: files, folders, s3:// URIs, `datasets` objects, lists of rows, hub ids."""

import difflib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from swift_lib.core import storage
from swift_lib.core.errors import DataError, MissingDependency
from swift_lib.core.manifest import content_hash
from swift_lib.dataset.base import SourceRow
from swift_lib.dataset.readers import READERS, count_file, file_format, read_file
from swift_lib.dataset.syntax import DatasetSyntax

_NOT_DATA = frozenset({"manifest.json", "args.json", "dataset_info.json", "dataset_infos.json", "state.json"})


class Source(Protocol):
    """Rows in a fixed order that can be read again and again."""

    name: str

    @property
    def rows(self) -> int:
        """Number of rows, readable or not."""

    @property
    def digest(self) -> str:
        """The sha256 of the content, wherever it lies."""

    def read(self) -> Iterator[SourceRow]:
        """Every row, with where it stands."""


class FileSource:
    """The rows of one or several files, one after another."""

    def __init__(self, name: str, files: Sequence[tuple[str, Path]]) -> None:
        self.name = name
        self._files = files

    @cached_property
    def _counted(self) -> list[tuple[int, str]]:
        return [count_file(path, name) for name, path in self._files]

    @property
    def rows(self) -> int:
        """Number of rows of all files."""
        return sum(rows for rows, _ in self._counted)

    @property
    def digest(self) -> str:
        """Hash of the files' hashes and formats; their names do not matter."""
        return content_hash(
            [[digest, file_format(path)] for (_, digest), (_, path) in zip(self._counted, self._files, strict=True)]
        )

    def read(self) -> Iterator[SourceRow]:
        """Every row with file and line."""
        for name, path in self._files:
            yield from read_file(path, name)


class ObjectSource:
    """The rows of a `datasets.Dataset` or of a list."""

    def __init__(self, name: str, items: Any) -> None:
        self.name = name
        self._items = items

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self._items)

    @cached_property
    def digest(self) -> str:
        """Hash of the rows' JSON text."""
        total = sha256()
        for item in self._items:
            total.update(json.dumps(item, sort_keys=True, default=repr).encode() + b"\n")
        return total.hexdigest()

    def read(self) -> Iterator[SourceRow]:
        """Every row with its number, from 1."""
        for number, item in enumerate(self._items, 1):
            yield SourceRow(f"{self.name} row {number}", item)


def open_source(spec: DatasetSyntax, cache_dir: Path) -> Source:
    """The source that a dataset string names; what lies on s3 is fetched under ``cache_dir``."""
    if storage.is_remote(spec.dataset):
        if not storage.exists(spec.dataset):
            raise DataError("the dataset does not exist", where=spec.dataset, fix="correct the URI")
        return _open_path(storage.fetch(spec.dataset, cache_dir), spec.dataset)
    if spec.is_local:
        if spec.use_hf is not None or spec.subsets:
            raise DataError("a local dataset has neither hub nor subsets", where=spec.dataset, fix="leave them out")
        return _open_path(Path(spec.dataset), spec.dataset)
    if _looks_like_path(spec.dataset):
        raise DataError("the dataset does not exist", where=spec.dataset, fix=_nearest(Path(spec.dataset)))
    return _open_hub(spec)


def open_object(rows: Any) -> Source:
    """The source of a `datasets.Dataset` or a sequence of rows; DataError for what has no length or no order."""
    if isinstance(rows, Mapping):
        raise DataError(
            f"a mapping of splits ({', '.join(map(str, rows))}) is not a dataset", fix="give one of its splits"
        )
    if not hasattr(rows, "__len__") or not hasattr(rows, "__getitem__"):
        raise DataError(f"{type(rows).__name__} is not a sequence of rows", fix="give a list or a datasets.Dataset")
    return ObjectSource(type(rows).__name__, rows)


def _open_path(path: Path, name: str) -> Source:
    if path.is_file():
        file_format(path)
        return FileSource(name, [(name, path)])
    if (path / "state.json").is_file() and (path / "dataset_info.json").is_file():
        return ObjectSource(name, _call_datasets(lambda library: library.load_from_disk(str(path)), name))
    if any(path.glob("**/data-00000.arrow")):
        raise DataError("the folder holds tokens already", where=name, fix="give it as --cached_dataset")
    files = [
        file
        for file in sorted(path.rglob("*"))
        if file.suffix.lower().removeprefix(".") in READERS
        and file.name not in _NOT_DATA
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
    ]
    if not files:
        raise DataError("the folder holds no data", where=name, fix=f"put in one of {', '.join(READERS)}")
    return FileSource(name, [(f"{name.rstrip('/')}/{file.relative_to(path).as_posix()}", file) for file in files])


def _open_hub(spec: DatasetSyntax) -> Source:
    if spec.use_hf is False:
        raise DataError("the ModelScope hub is not read", where=spec.dataset, fix="use hf::, or download the files")

    def load(library: Any) -> Any:
        parts = [library.load_dataset(spec.dataset, name, split="train") for name in spec.subsets or (None,)]
        return parts[0] if len(parts) == 1 else library.concatenate_datasets(parts)

    return ObjectSource(spec.dataset, _call_datasets(load, spec.dataset))


def _call_datasets(call: Callable[[Any], Any], name: str) -> Any:
    try:
        import datasets  # noqa: PLC0415 - takes a second, and files are read without it
    except ImportError as error:
        raise MissingDependency(
            "hub ids need the library datasets", where=name, fix="pip install 'swift-pipelines[train]'"
        ) from error
    try:
        return call(datasets)
    except (OSError, ValueError, RuntimeError) as error:  # what datasets and the hub's client raise, offline included
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"neither a local file or folder nor to be had from the hub ({first})",
            where=name,
            fix="correct the name, or check the network and HF_TOKEN (HF_HUB_OFFLINE forbids downloads)",
        ) from error


def _looks_like_path(text: str) -> bool:
    path = Path(text)
    known = path.suffix.lower().removeprefix(".") in READERS
    return known or text.startswith((".", "/", "~")) or text.count("/") > 1


def _nearest(path: Path) -> str:
    if not path.parent.is_dir():
        return f"correct the path: there is no folder {path.parent}"
    near = difflib.get_close_matches(path.name, [child.name for child in path.parent.iterdir()], n=3)
    return f"correct the path; beside it: {', '.join(near)}" if near else "correct the path"
