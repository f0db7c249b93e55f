"""What this machine, or a way of spreading, cannot do: told before anything is loaded, all of it at once."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import torch

from swift_lib.core.errors import ArgumentError
from swift_lib.trainers.presets import deepspeed_config
from swift_lib.tuner_plugin.quantization import wanted_bits

_FLASH = "flash_attention"


def require_possible(args: Any, flat: Mapping[str, Any], hf: Mapping[str, Any], world_size: int) -> None:
    """Raise ArgumentError for what cannot be done here. args: the same flat names as attributes; hf: transformers'."""
    on_gpu = torch.cuda.is_available()
    problems = [*_devices(flat, hf, on_gpu), *_spreading(args, flat), *_sequences(flat, hf, world_size)]
    if _dispatches(hf) and flat.get("predict_with_generate"):
        problems.append("--predict_with_generate: each process answers rows that it reads; leave out dispatch_batches")
    if problems:
        raise ArgumentError(problems)


def _dispatches(hf: Mapping[str, Any]) -> bool:
    accelerator = hf.get("accelerator_config") or {}
    return isinstance(accelerator, Mapping) and bool(accelerator.get("dispatch_batches"))


def _devices(flat: Mapping[str, Any], hf: Mapping[str, Any], on_gpu: bool) -> Iterator[str]:
    attention = str(flat["attn_impl"] or "")
    if attention.startswith(_FLASH) and not on_gpu:
        yield f"--attn_impl: {attention} is GPU code, and there is no GPU; use sdpa"
    elif attention == f"{_FLASH}_2" and find_spec("flash_attn") is None:
        yield f"--attn_impl: {attention} needs the package flash-attn, which is not installed; use sdpa"
    if attention == "flex_attention" and not on_gpu:
        yield "--attn_impl: flex_attention has no backward pass without a GPU; use sdpa"
    if hf.get("use_liger_kernel"):
        if not on_gpu:
            yield "--use_liger_kernel: Liger's kernels are GPU code, and there is no GPU; leave it out"
        elif find_spec("liger_kernel") is None:
            yield "--use_liger_kernel: needs the package liger-kernel, which is not installed"


def _spreading(args: Any, flat: Mapping[str, Any]) -> Iterator[str]:
    way = "deepspeed" if flat["deepspeed"] else "fsdp" if flat["fsdp"] else ""
    if not way:
        return
    if flat["device_map"]:
        yield f"--{way}: puts weights where they belong itself; leave out --device_map"
    if flat["load_best_model_at_end"]:
        yield (
            f"--load_best_model_at_end: --{way} cannot put other weights into a model that is spread; the best "
            "checkpoint holds ordinary weights, take them from there"
        )
    cut = way == "fsdp" or (deepspeed_config(flat) or {}).get("zero_optimization", {}).get("stage", 0) == 3
    if cut and wanted_bits(args) is not None:
        yield f"--{way}: quantised weights cannot be cut; use DDP or zero2"


def _sequences(flat: Mapping[str, Any], hf: Mapping[str, Any], world_size: int) -> Iterator[str]:
    size = flat["sequence_parallel_size"]
    if size == 1:
        return
    if world_size % size:
        yield f"--sequence_parallel_size: {world_size} processes do not make groups of {size}; start a multiple of it"
    if flat["attn_impl"] not in (None, "", "sdpa"):
        yield f"--sequence_parallel_size: shares sequences for sdpa, not for --attn_impl {flat['attn_impl']}"
    if flat["padding_side"] == "left":
        yield "--sequence_parallel_size: fills sequences up at their end; use --padding_side right"
    if _dispatches(hf):
        yield "--sequence_parallel_size: each process reads its rows; leave out dispatch_batches"
    whole = {
        "enable_channel_loss": "tells the losses of whole rows",
        "router_aux_loss_coef": "balances whole sequences",
    }
    for name, reason in whole.items():
        if flat.get(name):
            yield f"--sequence_parallel_size: --{name} {reason}; leave one of them out"
    if flat.get("task_type") not in (None, "", "causal_lm"):
        yield f"--sequence_parallel_size: --task_type {flat['task_type']} takes whole sequences"
    if flat.get("eval_metric") == "acc" and flat.get("acc_strategy") == "seq":
        yield "--sequence_parallel_size: --acc_strategy seq looks at whole rows; use token"
