"""A model by its config.json alone: every layer and shape is there, no weight is read and no memory taken."""

import copy
from typing import Any

import torch
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING

from swift_lib.core.errors import ModelError, first_line
from swift_lib.model.base import ModelInfo, ModelMeta

_CLASSES = {
    "embedding": AutoModel,
    "seq_cls": AutoModelForSequenceClassification,
    "reranker": AutoModelForSequenceClassification,
    "prm": AutoModelForTokenClassification,
}


def empty_model(info: ModelInfo, meta: ModelMeta, *, attn_impl: str | None = None) -> Any:
    """The model that `info` describes, on the meta device, as loading would give it for its task.

    attn_impl: any but eager is sdpa, which keeps for the backward pass what the kernels of other packages keep.
    Raises ModelError where transformers has no class for it, as for models with code of their own.
    """
    config = copy.deepcopy(info.config)
    config.use_cache = False
    config.get_text_config().use_cache = False
    if info.num_labels:
        config.num_labels = info.num_labels
    cls = _CLASSES.get(info.task_type or "causal_lm") or _language_model(config)
    try:
        model = _built(cls, config, info.torch_dtype, "eager" if attn_impl == "eager" else "sdpa")
    except (ValueError, ImportError) as error:
        raise ModelError(f"nothing can be said about the model: {first_line(error)}", where=info.model_dir) from error
    model.model_meta, model.model_info = meta, info
    return model


def _built(cls: Any, config: Any, dtype: torch.dtype, attention: str) -> Any:
    with torch.device("meta"):
        try:
            return cls.from_config(config, dtype=dtype, attn_implementation=attention)
        except ValueError:
            if attention == "eager":
                raise
            return cls.from_config(config, dtype=dtype, attn_implementation="eager")  # some know no other


def _language_model(config: Any) -> Any:
    is_text = type(config) in MODEL_FOR_CAUSAL_LM_MAPPING
    return AutoModelForCausalLM if is_text or type(config) not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING else (
        AutoModelForImageTextToText
    )  # fmt: skip


def largest_layer(model: torch.nn.Module) -> int:
    """Bytes of the largest of the model's repeated layers, or of a parameter outside of them."""
    layers = [part for part in model.modules() if isinstance(part, torch.nn.ModuleList)]
    sizes = [_bytes(layer) for part in layers for layer in part]
    inside = {id(parameter) for part in layers for parameter in part.parameters()}
    outside = [p.numel() * p.element_size() for p in model.parameters() if id(p) not in inside]
    return max([*sizes, *outside, 0])


def quantised_bytes(model: torch.nn.Module, bits: int) -> int:
    """Bytes of the parameters with the base's linear layers in 4 or 8 bits (QLoRA, Dettmers et al. 2023, section 3).

    4 bits carry 0.127 bits of constants, quantised themselves. The rest of the base is then float32, the head with it.
    """
    head = getattr(model, "get_output_embeddings", lambda: None)()
    inner = {
        id(part.weight): part.weight.numel()
        for part in model.modules()
        if isinstance(part, torch.nn.Linear) and part is not head and not part.weight.requires_grad
    }
    rest = sum(
        p.numel() * (p.element_size() if p.requires_grad else 4) for p in model.parameters() if id(p) not in inner
    )
    return int(sum(inner.values()) * (bits + (0.127 if bits == 4 else 0.0)) / 8) + rest


def _bytes(module: torch.nn.Module) -> int:
    return sum(parameter.numel() * parameter.element_size() for parameter in module.parameters())
