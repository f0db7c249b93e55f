"""Flat arguments to transformers.TrainingArguments: the one place that knows both."""

import dataclasses
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
import transformers

from swift_lib.core.errors import ArgumentError
from swift_lib.core.view import FlatView
from swift_lib.trainers import cpu_shards
from swift_lib.trainers.presets import deepspeed_config, fsdp_config, silence

ROWS_PER_STEP = 16  # what gradient_accumulation_steps aims at where nobody sets it

# Ours and transformers' under one name with one meaning: handed over as they are.
_SAME = (
    "num_train_epochs", "max_steps", "per_device_train_batch_size", "per_device_eval_batch_size", "lr_scheduler_type",
    "weight_decay", "max_grad_norm", "adam_beta2", "logging_steps", "save_strategy", "save_steps",
    "gradient_checkpointing", "load_best_model_at_end", "metric_for_best_model", "seed",
)  # fmt: skip


class TrainingArguments(transformers.TrainingArguments):
    """transformers' arguments that also answer our flat names, as plugins' callbacks expect of them."""

    flat: Mapping[str, Any] = MappingProxyType({})

    def __getattr__(self, name: str) -> Any:
        # Asked only where transformers has no such field.
        try:
            return self.flat[name]
        except KeyError:
            raise AttributeError(f"there is no argument {name!r}") from None


def plugin_view(args: transformers.TrainingArguments) -> FlatView:
    """What plugins get as `args`: our flat names and transformers' fields, with the values in force."""
    own = {field.name: getattr(args, field.name) for field in dataclasses.fields(args)}
    return FlatView({**getattr(args, "flat", {}), **own})


def to_hf(
    flat: Mapping[str, Any],
    hf: Mapping[str, Any],
    *,
    output_dir: str,
    dtype: torch.dtype,
    validates: bool,
    world_size: int = 1,
) -> TrainingArguments:
    """Build transformers' arguments.

    flat: our values by flat name; hf: transformers' own fields that the user set, which win. dtype: of the loaded
    weights; bfloat16 and float16 weights train with the matching mixed precision. validates: there is validation data.
    world_size: processes that share the rows of a step.

    Raises ArgumentError for what transformers refuses.
    """
    half = {"bf16": flat["bf16"], "fp16": flat["fp16"]}
    if half["bf16"] is None and half["fp16"] is None:
        half = {"bf16": dtype == torch.bfloat16, "fp16": dtype == torch.float16 and torch.cuda.is_available()}
    values: dict[str, Any] = {
        **{name: flat[name] for name in _SAME},
        **{name: bool(value) for name, value in half.items()},
        "output_dir": output_dir,
        "learning_rate": learning_rate(flat),
        "warmup_steps": flat["warmup_ratio"],  # below 1 it is a share of the steps
        "gradient_accumulation_steps": accumulation(flat, world_size),
        "eval_strategy": evaluation_strategy(flat, validates),
        "eval_steps": flat["eval_steps"] or flat["save_steps"],
        "dataloader_num_workers": workers(flat),
        "train_sampling_strategy": _sampling(flat),
        "data_seed": flat["data_seed"],
        "logging_first_step": True,
        "use_cpu": not torch.cuda.is_available() and not torch.backends.mps.is_available(),
        # Our own callbacks report; a loss that is not finite must be seen, not averaged away.
        "report_to": [],
        "disable_tqdm": True,
        "logging_nan_inf_filter": False,
        "remove_unused_columns": False,
        # Pruned by our own callback, after the newest checkpoint has its manifest.
        "save_total_limit": None,
        "include_num_input_tokens_seen": "non_padding",
        **hf,
        **_sharding(flat, hf),
    }
    if values.get("deepspeed") or values.get("fsdp"):
        silence()
    if (values.get("deepspeed") or values.get("fsdp")) and values["use_cpu"]:
        cpu_shards.configure(values.get("deepspeed"), seconds=values.get("ddp_timeout", 1800))
        values["accelerator_config"] = {**(hf.get("accelerator_config") or {}), "use_configured_state": True}
    try:
        made = TrainingArguments(**values)
    except (ValueError, TypeError) as error:
        raise ArgumentError([f"transformers refuses the training arguments: {error}"]) from error
    made.flat = MappingProxyType(dict(flat))
    return made


def _sharding(flat: Mapping[str, Any], hf: Mapping[str, Any]) -> dict[str, Any]:
    """What concerns DeepSpeed or FSDP, where one of them is asked for."""
    if deepspeed := deepspeed_config(flat):
        return {"deepspeed": deepspeed}
    fsdp = fsdp_config(flat, hf.get("fsdp_config"))
    if fsdp is None:
        return {}
    # One of the two computes activations again.
    gradient_checkpointing = flat["gradient_checkpointing"] and not fsdp.get("activation_checkpointing")
    return {"fsdp": True, "fsdp_config": fsdp, "gradient_checkpointing": gradient_checkpointing}


def _sampling(flat: Mapping[str, Any]) -> str:
    if flat["group_by_length"]:
        return "group_by_length"
    return "random" if flat["dataset_shuffle"] and flat["train_dataloader_shuffle"] else "sequential"


def learning_rate(flat: Mapping[str, Any]) -> float:
    """As given, else 1e-5 for full parameters and 1e-4 for adapters."""
    given = flat["learning_rate"]
    return float(given) if given is not None else (1e-5 if flat["tuner_type"] == "full" else 1e-4)


def accumulation(flat: Mapping[str, Any], world_size: int = 1) -> int:
    """Batches per optimiser step: as given, else what makes about 16 rows a step."""
    given = flat["gradient_accumulation_steps"]
    if given is not None:
        return int(given)
    return max(1, math.ceil(ROWS_PER_STEP / flat["per_device_train_batch_size"] / world_size))


def evaluation_strategy(flat: Mapping[str, Any], validates: bool) -> str:
    """When validation runs: never without data, as given, by steps where eval_steps is given, else with the saves."""
    if not validates:
        return "no"
    if flat["eval_strategy"] is not None:
        return str(flat["eval_strategy"])
    return "steps" if flat["eval_steps"] else str(flat["save_strategy"])


def workers(flat: Mapping[str, Any]) -> int:
    """Data processes: rows come out of a memory map, so that a few are enough for a GPU and none is best on a CPU."""
    given = flat["dataloader_num_workers"]
    return int(given) if given is not None else (2 if torch.cuda.is_available() else 0)
