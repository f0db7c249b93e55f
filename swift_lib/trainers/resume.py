"""Going on from a checkpoint: only where what comes next is what would have come next."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swift_lib.core.errors import TrainingError
from swift_lib.core.manifest import read_manifest

TRAINED_ON = "trained_on"

# What a checkpoint states about its data, and what to do where it is another.
_MEANING = {
    "dataset": ("the rows", "give the dataset that the checkpoint was trained on"),
    "template": ("the template", "give --template as before"),
    "packing": ("the packing plan", "give --packing, --packing_length, --packing_strategy and --data_seed as before"),
    "order": ("the order of the rows", "give --data_seed, --dataset_shuffle and --group_by_length as before"),
    "rows_per_step": (
        "the rows of a step",
        "keep per_device_train_batch_size x gradient_accumulation_steps x processes as before",
    ),
}


def require_same_data(checkpoint: Path | str, now: Mapping[str, Any]) -> None:
    """Raise TrainingError, which lists what differs, unless a checkpoint was trained on the data of this run.

    now: what `TRAINED_ON` of a checkpoint's manifest would say. A checkpoint that says nothing is refused as well.
    """
    before = read_manifest(checkpoint).get(TRAINED_ON)
    if before is None:
        raise TrainingError(
            "The checkpoint does not say which data it was trained on, so training cannot go on exactly",
            where=str(checkpoint),
            fix="start a new run from its weights: --resume_only_model true, or --adapters for an adapter",
        )
    differing = [name for name in _MEANING if before.get(name) != now.get(name)]
    if differing:
        told = "; ".join(f"{_MEANING[name][0]}: {_short(before.get(name))} then, {_short(now.get(name))} now"
                         for name in differing)  # fmt: skip
        raise TrainingError(
            f"The checkpoint was trained on other data than this run's, so training cannot go on exactly ({told})",
            where=str(checkpoint),
            fix="; ".join(_MEANING[name][1] for name in differing) + "; or start a new run in another --output_dir",
        )


def _short(value: Any) -> str:
    text = str(value)
    return f"{text[:12]}..." if len(text) > 40 else text
