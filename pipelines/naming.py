"""How a component's parameters are called in a pipeline: by the stage's prefix, or `base_` for what stages share."""

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

PREFIXES = {
    "data": "preprocess",
    "train": "train",
    "merge": "merge_lora",
    "eval": "evaluate",
    "reward": "reward_sampling",
    "serve": "serve",
}
BASE = ("model", "model_type", "template", "system", "task_type", "num_labels", "problem_type", "seed")
# Named alike everywhere: tracking, the model that evaluate compares with, which is the one that is tuned, and the rows
# that evaluate asks about, which preprocess keeps out of training.
SAME = ("track_uri", "track_experiment", "track_run_key", "base_model", "eval_dataset")


def pipeline_parameter(stage: str, name: str) -> str:
    """The name that a stage's parameter has in a pipeline."""
    if name in SAME:
        return name
    if name in BASE:
        return f"base_{name}"
    prefix = next(prefix for prefix, owner in PREFIXES.items() if owner == stage)
    return name if name.startswith(f"{prefix}_") else f"{prefix}_{name}"


def parameters_of(stage: str) -> dict[str, inspect.Parameter]:
    """The plain parameters of a component's signature as it is written, without artifacts and status."""
    component = getattr(importlib.import_module(f"components.{stage}.component"), stage)
    written = inspect.signature(component.python_func).parameters
    return {name: entry for name, entry in written.items() if entry.annotation in (str, int, float, bool, list, dict)}


def values_for(stage: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The component's arguments, taken by name from a pipeline's."""
    return {name: given[pipeline_parameter(stage, name)] for name in parameters_of(stage)}
