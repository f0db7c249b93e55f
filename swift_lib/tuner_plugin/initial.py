"""LoRA that starts as a part of the base's weights (PiSSA, OLoRA).

Training then runs beside W - s B0 A0. What is saved fits W itself, as any LoRA does: s (B A - B0 A0) is s B' A' with
A' = [A; A0] and B' = [B, -B0], of twice the rank. Both halves are in the file, so training can go on as it was.
"""

import copy
import math
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from peft.utils.integrations import gather_params_ctx
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from swift_lib.core.errors import ModelError

_WEIGHTS = "adapter_model.safetensors"
_RANK = "initial_rank"  # of the file's metadata: the rank that is trained
_ADAPTER = "default"
_CHANGES_BASE = ("pissa", "olora")


def changes_base(init_weights: Any) -> bool:
    """Whether a LoRA that starts so changes the weights it stands beside."""
    return str(init_weights).startswith(_CHANGES_BASE)


def remember(model: Any) -> None:
    """Keep what the adapters start as, where that was taken out of the base's weights."""
    if changes_base(model.peft_config[_ADAPTER].init_lora_weights):
        state = get_peft_model_state_dict(model)
        model.initial_lora = {name: value.clone() for name, value in state.items() if _side(name)}


def is_remembered(model: Any) -> bool:
    """Whether `remember` kept something of this model."""
    return bool(getattr(model, "initial_lora", None))


def save(model: Any, folder: str, state_dict: dict[str, Any] | None) -> None:
    """Write the adapter as one of the base's own weights, of twice the rank."""
    state = get_peft_model_state_dict(model, state_dict=state_dict)
    config = copy.copy(model.peft_config[_ADAPTER])
    rank = config.r
    for name, start in model.initial_lora.items():
        start = start.to(state[name])
        joined = [state[name], start] if _side(name) == "A" else [state[name], -start]
        state[name] = torch.cat(joined, dim=0 if _side(name) == "A" else 1)
    config.r = 2 * rank
    config.lora_alpha *= math.sqrt(2) if config.use_rslora else 2  # the scale stays what it was
    config.init_lora_weights, config.inference_mode = True, True
    Path(folder).mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    save_file(tensors, Path(folder) / _WEIGHTS, metadata={"format": "pt", _RANK: str(rank)})
    config.save_pretrained(folder)


def rank_of(folder: str) -> int | None:
    """The rank that was trained, of an adapter that `save` wrote; None for any other."""
    path = Path(folder) / _WEIGHTS
    if not path.is_file():
        return None
    with safe_open(path, framework="pt") as tensors:
        rank = (tensors.metadata() or {}).get(_RANK)
    return int(rank) if rank else None


def restore(model: torch.nn.Module, folder: str) -> Any:
    """The model as it was in training when `save` wrote the folder."""
    config: Any = LoraConfig.from_pretrained(folder)
    config.r, config.inference_mode, config.init_lora_weights = rank_of(folder), False, False
    config.lora_alpha /= math.sqrt(2) if config.use_rslora else 2
    tuned: Any = get_peft_model(model, config)
    state, starts = _split(folder)
    set_peft_model_state_dict(tuned, state)
    for name, module in tuned.named_modules():
        if isinstance(module, LoraLayer) and f"{name}.lora_A.weight" in starts:
            a, b = (starts[f"{name}.lora_{side}.weight"] for side in "AB")
            weight = module.get_base_layer().weight
            with torch.no_grad(), gather_params_ctx(weight):
                start = module.scaling[_ADAPTER] * b.to(weight.device) @ a.to(weight.device)
                weight.copy_(weight.to(torch.float32) - (start.T if module.fan_in_fan_out else start))
    tuned.initial_lora = starts
    return tuned


def load_weights(model: Any, folder: str) -> None:
    """What `save` wrote of a model like this one, into it. ModelError where that started elsewhere."""
    state, starts = _split(folder)
    for name in [name for name in starts if _side(name) == "A"]:
        other = f"{name.removesuffix('A.weight')}B.weight"
        here, there = (pair[other] @ pair[name].to(pair[other]) for pair in (model.initial_lora, starts))
        if not torch.allclose(here.cpu(), there.cpu(), atol=1e-4 * float(there.abs().max())):
            raise ModelError(
                "The start that is computed here is not the one that the checkpoint was trained from",
                where=folder,
                fix="go on with its adapter: --adapters instead of --resume_from_checkpoint",
            )
    set_peft_model_state_dict(model, state)


def _split(folder: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """What is trained, and what it started as."""
    rank = rank_of(folder)
    assert rank is not None, folder
    state, starts = load_file(Path(folder) / _WEIGHTS), {}
    for name in list(state):
        if side := _side(name):
            state[name], rest = (part.contiguous() for part in state[name].split(rank, dim=0 if side == "A" else 1))
            starts[name] = rest if side == "A" else -rest
    return state, starts


def _side(name: str) -> str:
    """A or B, of the name of a tensor; "" for others."""
    return next((side for side in "AB" if name.endswith(f".lora_{side}.weight")), "")
