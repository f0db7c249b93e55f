"""The largest attention logit of each head, measured beside the model's own attention."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from swift_lib.core.errors import ArgumentError

_ROWS = 128  # queries whose logits are held at a time
_SUFFIX = "_measured"
_MAXIMA = "_max_attention_logits"  # attribute of a measured module: a tensor (heads,)


@dataclass
class Attention:
    """A module with query and key projections; `head_dim` rows of each belong to a head."""

    module: torch.nn.Module
    head_dim: int

    def scale(self, factors: torch.Tensor) -> None:
        """Multiply each query head's logits by its factor (heads,), each in (0, 1]."""
        factors = factors.to(self.module.q_proj.weight.device)
        key_heads = self.module.k_proj.out_features // self.head_dim
        shared = factors.view(key_heads, -1).min(dim=1).values.sqrt()  # (key heads,)
        rest = factors / shared.repeat_interleave(factors.numel() // key_heads)
        for projection, by_head in ((self.module.q_proj, rest), (self.module.k_proj, shared)):
            rows = by_head.repeat_interleave(self.head_dim)
            projection.weight.mul_(rows[:, None].to(projection.weight.dtype))
            if projection.bias is not None:
                projection.bias.mul_(rows.to(projection.bias.dtype))


def measured_attentions(model: Any) -> list[Attention]:
    """The language model's attention modules, in their order.

    Raises ArgumentError where scaling the projections would not scale the logits: a norm stands between them, the
    projections hold more than queries and keys, or they are not trained.
    """
    config = model.config.get_text_config()
    found, problems = [], []
    for name, module in model.named_modules():
        is_attention = hasattr(module, "q_proj") and hasattr(module, "k_proj")
        if not is_attention or getattr(module, "config", config) is not config:
            continue
        attention = Attention(module, int(getattr(module, "head_dim", 0)))
        if norms := [child for child, _ in module.named_children() if "norm" in child]:
            problems.append(f"{name} has {', '.join(norms)}, which undo any scale of queries and keys")
        elif module.q_proj.out_features != config.num_attention_heads * attention.head_dim:
            problems.append(f"{name}.q_proj has other rows than its {config.num_attention_heads} heads'")
        elif not (module.q_proj.weight.requires_grad and module.k_proj.weight.requires_grad):
            problems.append(f"{name} is frozen")
        found.append(attention)
    if not found:
        problems.append("the model has no attention with q_proj and k_proj")
    if problems:
        raise ArgumentError([f"--optimizer: muonclip cannot clip: {problems[0]}; use --optimizer muon"])
    return found


def measure(model: Any) -> None:
    """Let the language model's attention note its largest logits in training, whatever else it computes."""
    config = model.config.get_text_config()
    implementation = str(config._attn_implementation)
    if implementation.endswith(_SUFFIX):
        return
    if implementation != "sdpa" and not implementation.startswith("flash_attention"):
        raise ArgumentError([f"--attn_impl: muonclip measures beside sdpa and flash attention, not {implementation}"])
    name = implementation + _SUFFIX
    AttentionInterface.register(name, _measuring(ALL_ATTENTION_FUNCTIONS[implementation]))
    AttentionMaskInterface.register(name, ALL_MASK_ATTENTION_FUNCTIONS[implementation])
    config._attn_implementation = name


def _measuring(function: Callable[..., Any]) -> Callable[..., Any]:
    def attention(
        module: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        attention_mask: torch.Tensor | None,
        **kwargs: Any,
    ) -> Any:
        if module.training:
            _note(module, max_logits(query, key, attention_mask, kwargs.get("scaling")))
        return function(module, query, key, value, attention_mask, **kwargs)

    return attention


def _note(module: Any, found: torch.Tensor) -> None:
    before = getattr(module, _MAXIMA, None)
    setattr(module, _MAXIMA, found if before is None else torch.maximum(before, found))


@torch.no_grad()
def max_logits(
    query: torch.Tensor, key: torch.Tensor, mask: torch.Tensor | None = None, scaling: float | None = None
) -> torch.Tensor:
    """max over rows, queries i and keys j <= i that the mask allows of scaling * q_i k_j, by head: (heads,), float32.

    query: (batch, heads, length, width), key: (batch, key heads, length, width), positions applied. mask: (batch, 1,
    length, length), bool or added; or (batch, length), true for what is not padding; None: causal. scaling: None for
    1 / sqrt(width).
    """
    query, key = query.detach(), key.detach()
    length, width = query.shape[2:]
    key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
    scale = scaling if scaling is not None else width**-0.5
    places = torch.arange(length, device=query.device)
    best = torch.full((query.shape[1],), -torch.inf, device=query.device)
    for begin in range(0, length, _ROWS):
        rows = slice(begin, begin + _ROWS)
        logits = (query[:, :, rows] @ key.transpose(2, 3)).float() * scale  # (batch, heads, rows, length)
        allowed = (places <= places[rows, None])[None, None]
        if mask is not None and mask.ndim == 2:
            allowed = allowed & mask[:, None, None, :].bool()
        elif mask is not None and mask.dtype == torch.bool:
            allowed = mask[:, :, rows, :length]
        elif mask is not None:
            allowed = mask[:, :, rows, :length] > torch.finfo(mask.dtype).min / 2
        logits = logits.masked_fill(~allowed, -torch.inf)
        best = torch.maximum(best, logits.amax(dim=(0, 2, 3)))
    return best


def take_maxima(attentions: list[Attention]) -> torch.Tensor:
    """(layers, heads): the largest of every process since the last time, -inf where nothing was seen."""
    found = []
    for attention in attentions:
        noted = getattr(attention.module, _MAXIMA, None)
        setattr(attention.module, _MAXIMA, None)
        heads = attention.module.q_proj.out_features // attention.head_dim
        device = attention.module.q_proj.weight.device
        found.append(noted if noted is not None else torch.full((heads,), -torch.inf, device=device))
    maxima = torch.stack(found)
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(maxima, torch.distributed.ReduceOp.MAX)
    return maxima
