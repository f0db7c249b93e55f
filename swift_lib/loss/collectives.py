"""What processes of one training tell each other. With one process every function gives back what it got."""

from typing import Any

import torch
from torch import distributed


def processes() -> int:
    """How many train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def sum_over_processes(values: torch.Tensor) -> torch.Tensor:
    """The sum of a tensor over all processes, without gradient."""
    total = values.detach().clone()
    if processes() > 1:
        distributed.all_reduce(total)
    return total


def gather_objects(value: Any) -> list[Any]:
    """Everybody's value, in the order of ranks; pickled, so for small things and seldom."""
    if processes() == 1:
        return [value]
    found: list[Any] = [None] * processes()
    distributed.all_gather_object(found, value)
    return found


def gather_rows(rows: torch.Tensor) -> tuple[torch.Tensor, list[int]]:
    """Everybody's rows (n, ...) in the order of ranks, n of each process's own, and how many each has.

    The gradient flows into this process's rows only, multiplied by the number of processes: where all of them compute
    the same loss of the gathered rows and their gradients are averaged afterwards, as data parallel training does, the
    average is the gradient of that loss.
    """
    world = processes()
    if world == 1:
        return rows, [rows.shape[0]]
    counts = [rows.new_zeros((), dtype=torch.int64) for _ in range(world)]
    distributed.all_gather(counts, torch.tensor(rows.shape[0], device=rows.device))
    sizes = [int(count) for count in counts]
    padded = rows.new_zeros(max(sizes), *rows.shape[1:])
    padded[: rows.shape[0]] = rows.detach()
    parts = [torch.empty_like(padded) for _ in range(world)]
    distributed.all_gather(parts, padded)
    parts = [part[:size] for part, size in zip(parts, sizes, strict=True)]
    parts[distributed.get_rank()] = _TimesGradient.apply(rows, world)
    return torch.cat(parts), sizes


class _TimesGradient(torch.autograd.Function):
    """The same value; its gradient times a factor."""

    @staticmethod
    def forward(ctx: Any, value: torch.Tensor, factor: int) -> torch.Tensor:
        ctx.factor = factor
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradients[0] * ctx.factor, None
