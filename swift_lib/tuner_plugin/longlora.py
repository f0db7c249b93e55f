"""LongLoRA (Chen et al. 2023, arXiv:2309.12307): LoRA with trained embeddings and norms, and shifted sparse attention.

Each token attends to its own quarter of the sequence, in half of the heads to quarters that are moved by half their
length (S2-Attn, section 3.2). In training only: afterwards the model attends to everything, so the result is a LoRA.
"""

from types import SimpleNamespace
from typing import Any

import torch
from peft import LoraConfig
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from swift_lib.core.errors import ModelError
from swift_lib.tuner_plugin.in_place import text_architecture
from swift_lib.tuner_plugin.lora import LoraTuner, lora_config
from swift_lib.tuner_plugin.targets import ALL_EMBEDDING, ALL_NORM, modules_to_save

SHIFTED = "shifted_sparse"
_GROUPS = 4


class LongLoraTuner(LoraTuner):
    """LoRA's options; `--modules_to_save` is all embeddings and norms unless given."""

    @classmethod
    def config(cls, args: Any, model: torch.nn.Module) -> LoraConfig:
        """LoRA with embeddings and norms, which longer contexts need (section 3.3)."""
        if args.modules_to_save:
            return lora_config(args, model)
        config = lora_config(args, model)
        config.modules_to_save = modules_to_save(SimpleNamespace(modules_to_save=[ALL_EMBEDDING, ALL_NORM]), model)
        return config

    @classmethod
    def prepare_model(cls, args: Any, model: torch.nn.Module) -> torch.nn.Module:
        """Attach LoRA, and let the model attend to quarters while it is trained."""
        text_architecture(model, "longlora", "attention")
        tuned = super().prepare_model(args, model)
        _attend_to_quarters(model)
        return tuned

    @classmethod
    def from_pretrained(cls, model: torch.nn.Module, model_id: str, **kwargs: Any) -> torch.nn.Module:
        """Attach the adapter; where training goes on, attention is sparse again."""
        tuned = super().from_pretrained(model, model_id, **kwargs)
        if kwargs.get("is_trainable"):
            _attend_to_quarters(model)
        return tuned


def _attend_to_quarters(model: Any) -> None:
    AttentionInterface.register(SHIFTED, shifted_sparse_attention)
    AttentionMaskInterface.register(SHIFTED, _whole_mask)
    try:
        model.set_attn_implementation(SHIFTED)
    except ValueError as error:
        raise ModelError(
            f"The attention of {type(model).__name__} cannot be replaced: {' '.join(str(error).split())[:200]}",
            where="--tuner_type longlora",
            fix="use --tuner_type lora",
        ) from error


def _whole_mask(*args: Any, **kwargs: Any) -> torch.Tensor | None:
    """The mask as a matrix, also where it is only causal: quarters are cut out of it."""
    return sdpa_mask(*args, **{**kwargs, "allow_is_causal_skip": False, "allow_is_bidirectional_skip": False})


def shifted_sparse_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of (batch, heads, length, size) tensors to quarters; to everything outside training.

    attention_mask: (batch, 1, length, length), true where a token may attend. Returns (batch, length, heads, size).
    """
    if not module.training or attention_mask is None or query.shape[2] != key.shape[2]:
        return sdpa_attention_forward(module, query, key, value, attention_mask, dropout, scaling, **kwargs)
    length = query.shape[2]
    repeats = query.shape[1] // key.shape[1]
    size = -(-length // _GROUPS)
    size += size % 2  # so that half of it is whole
    mask = _windows(attention_mask, size)
    padding = (0, 0, 0, _GROUPS * size - length)
    parts = [
        torch.nn.functional.pad(part, padding) for part in (query, repeat_kv(key, repeats), repeat_kv(value, repeats))
    ]
    straight = query.shape[1] - query.shape[1] // 2
    results = []
    for heads, shift in ((slice(None, straight), 0), (slice(straight, None), size // 2)):
        moved = [part[:, heads].roll(-shift, dims=2).unflatten(2, (_GROUPS, size)) for part in parts]
        attended = torch.nn.functional.scaled_dot_product_attention(
            *moved, attn_mask=_blocks(mask.roll((-shift, -shift), dims=(2, 3)), size), dropout_p=dropout, scale=scaling
        )
        results.append(attended.flatten(2, 3).roll(shift, dims=2))
    return torch.cat(results, dim=1)[:, :, :length].transpose(1, 2).contiguous(), None


def _windows(mask: torch.Tensor, size: int) -> torch.Tensor:
    """The mask of a sequence of whole groups: nobody looks further back than a group is long, everybody at itself.

    So the end of a sequence and its beginning, which the shift puts into one group, stay apart, and padding has
    something to attend to.
    """
    allowed = mask if mask.dtype == torch.bool else mask == 0
    missing = _GROUPS * size - mask.shape[-1]
    allowed = torch.nn.functional.pad(allowed, (0, missing, 0, missing), value=False)
    position = torch.arange(_GROUPS * size, device=mask.device)
    distance = position[:, None] - position
    return (allowed & (distance < size)) | (distance == 0)


def _blocks(mask: torch.Tensor, size: int) -> torch.Tensor:
    """(batch, 1, groups, size, size): each group's own part."""
    grouped = mask.unflatten(2, (_GROUPS, size)).unflatten(4, (_GROUPS, size))
    return grouped.diagonal(dim1=2, dim2=4).permute(0, 1, 4, 2, 3)
