"""Rows that only the first process sees, as the others know them: how many, how long, and not one of them."""

import base64
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from swift_lib.core.distributed import Processes
from swift_lib.core.manifest import has_manifest, read_manifest
from swift_lib.dataset.artifact import TokenDataset


class AbsentRows(Sequence[Any]):
    """What is asked of a TokenDataset but for its rows. made: how it was preprocessed; largest: of its labels."""

    def __init__(
        self, folder: str, manifest: dict[str, Any], lengths: str, made: dict[str, Any], largest: float
    ) -> None:
        self.folder, self.manifest, self.made, self._largest = Path(folder), manifest, made, largest
        self.lengths = np.frombuffer(zlib.decompress(base64.b64decode(lengths)), np.int32)

    @property
    def digest(self) -> str:
        """Of the rows' content."""
        return str(self.manifest["dataset"]["digest"])

    @property
    def weighted(self) -> bool:
        """Whether any trained token weighs something other than 1."""
        return bool(self.manifest["dataset"]["weighted"])

    def largest_label(self) -> float:
        """The largest number among the labels."""
        return self._largest

    def __len__(self) -> int:
        return int(self.manifest["dataset"]["rows"])

    def __getitem__(self, index: Any) -> Any:
        raise AssertionError(f"row {index} is asked for in a process that does not see the rows")


def only_first_reads(args: Any) -> bool:
    """Whether transformers' `dispatch_batches` is asked for."""
    given = args.hf.get("accelerator_config") or {}
    return bool(isinstance(given, dict) and given.get("dispatch_batches"))


def shared(processes: Processes, splits: Sequence[TokenDataset | None] | None) -> tuple[Any, Any]:
    """(train, validation): the first process's own, which it hands in, and in the others what is known of them."""
    told = processes.from_first("rows", [_told(split) for split in splits] if splits is not None else None)
    if splits is not None:
        return splits[0], splits[1]
    train, validation = (None if one is None else AbsentRows(**one) for one in told)
    return train, validation


def made_with(rows: TokenDataset | AbsentRows) -> dict[str, Any]:
    """How rows were preprocessed; {} where nothing says so."""
    if isinstance(rows, AbsentRows):
        return rows.made
    made = rows.folder.parent
    return dict(read_manifest(made).get("preprocess", {})) if has_manifest(made) else {}


def _told(rows: TokenDataset | None) -> dict[str, Any] | None:
    if rows is None:
        return None
    lengths = base64.b64encode(zlib.compress(rows.lengths.astype(np.int32).tobytes())).decode()
    made = {name: value for name, value in made_with(rows).items() if name == "max_length"}
    known = {"dataset": rows.manifest["dataset"]}
    largest = float(rows.largest_label()) if rows.manifest["dataset"]["label"] is not None else 0.0
    return {
        "folder": str(rows.folder), "manifest": known, "lengths": lengths, "made": made, "largest": largest,
    }  # fmt: skip
