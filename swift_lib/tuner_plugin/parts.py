"""The parts of a multimodal model (language model, vision tower, aligner, generator) and which of them are trained."""

import re
from collections.abc import Iterable
from typing import Any

import torch

from swift_lib.core.errors import ArgumentError
from swift_lib.core.types import MultiModelKeys
from swift_lib.model.arch import part_of, prefix_of

_FREEZES = {"language_model": "freeze_llm", "vision_tower": "freeze_vit", "aligner": "freeze_aligner"}


def architecture(model: torch.nn.Module) -> MultiModelKeys | None:
    """Where the parts of a multimodal model are; None for a model of one part."""
    keys = getattr(getattr(model, "model_meta", None), "model_arch", None)
    return keys if isinstance(keys, MultiModelKeys) else None


def is_frozen(name: str, keys: MultiModelKeys, args: Any) -> bool:
    """Whether `freeze_llm`, `freeze_vit` or `freeze_aligner` keep it as it is; a generator always stays so."""
    part = part_of(name, keys)
    return part == "generator" or (part is not None and bool(getattr(args, _FREEZES[part])))


def linear_layers(model: torch.nn.Module, keys: MultiModelKeys, args: Any) -> str:
    """A regular expression of the linear layers in the parts that are trained, the output layer left out."""
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    modules = dict(model.named_modules())
    linear = {name for name, module in modules.items() if isinstance(module, torch.nn.Linear) and module is not head}
    wanted = {name for name in linear if part_of(name, keys) and not is_frozen(name, keys, args)}
    if not wanted:
        raise ArgumentError(["--target_modules: freeze_llm, freeze_vit and freeze_aligner leave no layer to train"])
    pattern = _short_pattern(wanted, keys)
    # Where short names of layers are those of other modules too, all are named in full.
    is_exact = {name for name in modules if re.fullmatch(pattern, name)} == wanted
    return pattern if is_exact else _either(wanted)


def _short_pattern(names: set[str], keys: MultiModelKeys) -> str:
    """For each prefix of a part, the last components of the names below it."""
    endings: dict[str, set[str]] = {}
    for name in names:
        endings.setdefault(prefix_of(name, keys) or "", set()).add(name.rpartition(".")[2])
    return "|".join(f"{re.escape(prefix)}\\.(?:.*\\.)?{_either(endings[prefix])}" for prefix in sorted(endings))


def _either(texts: Iterable[str]) -> str:
    return f"(?:{'|'.join(re.escape(text) for text in sorted(texts))})"
