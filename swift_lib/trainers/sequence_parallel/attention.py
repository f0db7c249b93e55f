"""Attention over the whole sequence where each process holds a part of it, through transformers' own interfaces.

A process gives away its part of most heads and gets the rest of the sequence for its own ones, computes ordinary
attention, and exchanges back. The model is not changed: it calls what is registered here by name.
"""

import math
from typing import Any

import torch
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, and_masks, packed_sequence_mask_function, sdpa_mask

from swift_lib.trainers.sequence_parallel.exchange import to_heads, to_sequence

NAME = "sequence_parallel"


class Group:
    """The processes that share a sequence, as attention sees them.

    active: a training or evaluation step is on, with a sequence in parts; segments: (batch, length), which joined row a
    token of the whole sequence belongs to, None where nothing is joined.
    """

    def __init__(self, size: int, group: Any) -> None:
        self.size, self.group = size, group
        self.active = False
        self.segments: torch.Tensor | None = None
        self.calls = 0


_current: Group | None = None


def register(group: Group) -> None:
    """Let `NAME` stand for attention over this group."""
    global _current
    _current = group
    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, mask)


def attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """query: (batch, heads, part, width), key and value with their own number of heads; mask: of the whole sequence.

    Returns (batch, part, heads, width).
    """
    found = _current
    if found is None or not found.active:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **options)
    found.calls += 1
    heads, own = query.shape[1], key.shape[1]
    copies = key_copies(heads, own, found.size)
    if copies > 1:
        key, value = (states.repeat_interleave(copies, dim=1) for states in (key, value))
    whole = [to_heads(states, found.size, found.group) for states in (query, key, value)]
    head = _Heads(module, heads // (own * copies))
    output, _ = sdpa_attention_forward(head, *whole, attention_mask, **options)
    return to_sequence(output, found.size, found.group), None


class _Heads:
    """What attention asks a module for, where a key has another number of queries than the model was made with."""

    def __init__(self, module: Any, groups: int) -> None:
        self.num_key_value_groups = groups
        self.is_causal = getattr(module, "is_causal", True)


def key_copies(heads: int, key_heads: int, size: int) -> int:
    """How often each key and value head is repeated so that the processes get equal numbers of whole ones."""
    copies = size // math.gcd(key_heads, size)
    return copies if heads % (key_heads * copies) == 0 else heads // key_heads


def mask(
    batch_size: int,
    q_length: int,
    kv_length: int,
    mask_function: Any = None,
    attention_mask: torch.Tensor | None = None,
    allow_is_causal_skip: bool = True,
    **options: Any,
) -> torch.Tensor | None:
    """The mask of the whole sequence, whose padding mask the model is handed; it asks for its own part otherwise."""
    if _current is not None and _current.active:
        assert attention_mask is not None
        q_length = kv_length = attention_mask.shape[-1]
        if _current.segments is not None:
            mask_function = and_masks(mask_function, packed_sequence_mask_function(_current.segments))
            allow_is_causal_skip = False
    return sdpa_mask(
        batch_size=batch_size, q_length=q_length, kv_length=kv_length, mask_function=mask_function,
        attention_mask=attention_mask, allow_is_causal_skip=allow_is_causal_skip, **options,
    )  # fmt: skip
