"""Between "all heads of a part of the sequence" and "some heads of the whole sequence"."""

from typing import Any

import torch
from torch import distributed


class _Exchange(torch.autograd.Function):
    """Part i of the first dimension goes to process i of the group; the way back is the same."""

    @staticmethod
    def forward(ctx: Any, parts: torch.Tensor, group: Any) -> torch.Tensor:
        ctx.group = group
        received = torch.empty_like(parts)
        distributed.all_to_all_single(received, parts, group=group)
        return received

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        received = torch.empty_like(gradients[0], memory_format=torch.contiguous_format)
        distributed.all_to_all_single(received, gradients[0].contiguous(), group=ctx.group)
        return received, None


def exchange(parts: torch.Tensor, group: Any) -> torch.Tensor:
    """parts: (processes, ...), the i-th for process i. Returns (processes, ...), the i-th from process i."""
    result: torch.Tensor = _Exchange.apply(parts.contiguous(), group)
    return result


def to_heads(states: torch.Tensor, size: int, group: Any) -> torch.Tensor:
    """(batch, heads, part of the length, width) -> (batch, heads / size, length, width)."""
    batch, heads, part, width = states.shape
    sent = states.reshape(batch, size, heads // size, part, width).movedim(1, 0)
    return exchange(sent, group).movedim(0, 2).reshape(batch, heads // size, size * part, width)


def to_sequence(states: torch.Tensor, size: int, group: Any) -> torch.Tensor:
    """(batch, length, heads / size, width) -> (batch, part of the length, heads, width)."""
    batch, length, heads, width = states.shape
    sent = states.reshape(batch, size, length // size, heads, width).movedim(1, 0)
    return exchange(sent, group).movedim(0, 2).reshape(batch, length // size, size * heads, width)
