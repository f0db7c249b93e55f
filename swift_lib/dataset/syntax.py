"""Dataset strings: ``[hf::|ms::]id_or_path[:subset/subset...][#rows]``.

What exists on disk wins: a file whose name holds ``#`` or ``:`` is itself. An ``s3://`` URI is taken as written, but
for a trailing ``#rows``.
"""

from dataclasses import dataclass
from pathlib import Path

from swift_lib.core.errors import DataError
from swift_lib.core.storage import is_remote

HUBS = {"hf": True, "ms": False}
FORM = "[hf::|ms::]id_or_path[:subset1/subset2][#rows]"


@dataclass(frozen=True)
class DatasetSyntax:
    """A parsed dataset string; ``use_hf`` is None where no hub was named."""

    dataset: str
    subsets: tuple[str, ...] = ()
    dataset_sample: int | None = None
    use_hf: bool | None = None

    @property
    def dataset_type(self) -> str:
        """``path`` for a file that exists, else ``repo`` (a folder, a URI, a hub id)."""
        return "path" if not is_remote(self.dataset) and Path(self.dataset).is_file() else "repo"

    @property
    def is_local(self) -> bool:
        """Whether it names an existing file or folder."""
        return not is_remote(self.dataset) and Path(self.dataset).exists()

    @classmethod
    def parse(cls, text: str) -> "DatasetSyntax":
        """Read a dataset string; DataError where it has another form, StorageError for another scheme than s3."""
        if not text.strip():
            raise DataError("a dataset string is empty", fix=f"write {FORM}")
        if is_remote(text):
            return _parse_uri(text)
        if text.startswith("file://"):
            text = text.removeprefix("file://")
        use_hf: bool | None = None
        rest = text
        if not Path(rest).exists() and "::" in rest:
            hub, rest = rest.split("::", 1)
            if hub.lower() not in HUBS:
                raise DataError(f"unknown hub {hub!r}", where=text, fix="use hf:: or ms::")
            use_hf = HUBS[hub.lower()]
        if Path(rest).exists():
            return cls(rest, use_hf=use_hf)
        rest, sample = _split_sample(rest, text)
        if Path(rest).exists():
            return cls(rest, dataset_sample=sample, use_hf=use_hf)
        name, _, subsets = rest.partition(":")
        return cls(name, tuple(subsets.split("/")) if subsets else (), sample, use_hf)


def _parse_uri(text: str) -> DatasetSyntax:
    # '#' is legal in an object's key: only digits at the very end are a sample.
    uri, mark, number = text.rpartition("#")
    if not mark or not number.isdecimal():
        return DatasetSyntax(text)
    return DatasetSyntax(uri, dataset_sample=_sample(number, text))


def _split_sample(rest: str, text: str) -> tuple[str, int | None]:
    name, mark, number = rest.rpartition("#")
    return (name, _sample(number, text)) if mark else (rest, None)


def _sample(number: str, text: str) -> int:
    if not number.isdecimal() or int(number) == 0:
        raise DataError(
            f"{number!r} after '#' is not a number of rows", where=text, fix=f"write {FORM}, rows 1 or more"
        )
    return int(number)
