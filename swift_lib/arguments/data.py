"""Which rows, and what is done with them."""

from collections.abc import Iterator
from dataclasses import dataclass

from swift_lib.arguments.spec import arg


@dataclass(frozen=True, kw_only=True)
class DataArguments:
    """Datasets."""

    dataset: list[str] = arg(
        [], "Training data: files, folders, s3:// URIs, hub ids; `id:subset#1000` picks a subset and samples."
    )
    val_dataset: list[str] = arg([], "Validation data, written like dataset; excludes split_dataset_ratio.")
    cached_dataset: str = arg("", "Output folder (or URI) of `swift preprocess`; replaces dataset and val_dataset.")
    split_dataset_ratio: float = arg(0.0, "Share of dataset set aside for validation.", ge=0, lt=1)
    data_seed: int = arg(42, "Seed of sampling, shuffling and splitting.", ge=0)
    dataset_shuffle: bool = arg(True, "Shuffle the training rows.")
    dataset_num_proc: int = arg(1, "Processes that tokenise.", ge=1)
    columns: dict[str, str] = arg({}, 'Columns to rename before anything else, {"theirs": "ours"}.')
    max_drop_rate: float = arg(0.0, "Share of rows that may be unusable before the command stops.", ge=0, le=1)
    data_cache_uri: str = arg(
        "", "Folder or s3:// URI where preprocessed data is found again by its content hash; empty is no reuse."
    )

    def problems(self) -> Iterator[str]:
        """Combinations that contradict each other."""
        if self.val_dataset and self.split_dataset_ratio > 0:
            yield "--val_dataset: the validation rows are given, so --split_dataset_ratio must be 0"
        if self.cached_dataset:
            for name in ("dataset", "val_dataset", "split_dataset_ratio", "columns"):
                if getattr(self, name):
                    yield f"--cached_dataset: the data is preprocessed already, so --{name} must not be given"
