"""Going on from a checkpoint: only where what comes next is what would have come next."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swift_lib.core.errors import TrainingError
from swift_lib.core.manifest import read_manifest

# What a checkpoint's manifest says.
TRAINED_ON = "trained_on"
STARTED_FROM = "started_from"

_MEANING = {
    "dataset": ("the rows", "give the dataset that the checkpoint was trained on"),
    "template": ("the template", "give --template as before"),
    "packing": ("the packing plan", "give --packing, --packing_length, --packing_strategy and --data_seed as before"),
    "order": ("the order of the rows", "give --data_seed, --dataset_shuffle and --group_by_length as before"),
    "rows_per_step": (
        "the rows of a step",
        "keep per_device_train_batch_size x gradient_accumulation_steps x processes as before",
    ),
    "position": ("the place in the data", "give --dataloader_drop_last as before"),
    "base": ("the frozen weights", "give --model and --torch_dtype as before"),
    "trained": ("the trained weights", "give --tuner_type, --lora_rank, --target_modules and the like as before"),
}


def position(step: int, batches: int, args: Any) -> dict[str, int]:
    """Where the step after `step` begins: passes over the data, and rows (or packs) of the one that has begun.

    batches: those of an epoch, of one process; args: transformers' arguments.
    """
    steps = math.ceil(batches / args.gradient_accumulation_steps)
    return {"epoch": step // steps, "rows": step % steps * rows_per_step(args)}


def rows_per_step(args: Any) -> int:
    """Rows (or packs) of an optimizer step, over all processes; those that share sequences have the same ones."""
    groups = args.world_size // getattr(args, "sequence_parallel_size", 1)
    return int(args.train_batch_size * args.gradient_accumulation_steps * groups)


def differences(manifest: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, str]:
    """What a checkpoint was trained on and is not trained on now: name to a text of both.

    now: what `TRAINED_ON` of its manifest would say. What it does not state, and was not known to be needed when it was
    written, does not differ; a checkpoint that states nothing raises TrainingError.
    """
    before = manifest.get(TRAINED_ON)
    if before is None:
        raise TrainingError(
            "The checkpoint does not say which data it was trained on, so training cannot go on exactly",
            fix="start a new run from its weights: --resume_only_model true, or --adapters for an adapter",
        )
    before = {**before, "position": manifest.get("position")}
    return {
        name: f"{_MEANING[name][0]}: {_short(before[name])} then, {_short(now.get(name))} now"
        for name in _MEANING
        if before.get(name) is not None and before[name] != now.get(name)
    }


def require_same_data(checkpoint: Path | str, now: Mapping[str, Any], names: tuple[str, ...] = tuple(_MEANING)) -> None:
    """Raise TrainingError, which lists what differs, unless a checkpoint was trained on the data of this run."""
    try:
        found = differences(read_manifest(checkpoint), now)
    except TrainingError as error:
        raise TrainingError(error.what, where=str(checkpoint), fix=error.fix) from error
    found = {name: text for name, text in found.items() if name in names}
    if found:
        raise TrainingError(
            f"The checkpoint was trained on other data than this run's, so training cannot go on exactly "
            f"({'; '.join(found.values())})",
            where=str(checkpoint),
            fix="; ".join(_MEANING[name][1] for name in found) + "; or start a new run in another --output_dir",
        )


def changed_arguments(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """`name: then, now` of each argument of `now` that had another value when a checkpoint was written.

    What `before` does not name was not known then, and is not compared.
    """
    plain = json.loads(json.dumps(dict(now), default=str))
    return [
        f"{name}: {before[name]} then, {value} now"
        for name, value in plain.items()
        if name in before and before[name] != value
    ]


def _short(value: Any) -> str:
    text = json.dumps(value) if isinstance(value, Mapping) else str(value)
    return f"{text[:12]}..." if len(text) > 40 and not isinstance(value, Mapping) else text
