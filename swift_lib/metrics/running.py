"""Metrics whose state is two numbers, however many batches there are."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import distributed

from swift_lib.metrics.utils import Metric

IGNORED = -100


def sum_over_processes(values: torch.Tensor) -> torch.Tensor:
    """The sum of a tensor over all processes that train together; with one, a copy."""
    total = values.detach().clone()
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(total)
    return total


class MeanMetric(Metric):
    """The mean of all values of all processes; `nan_value` where there are none."""

    state: float
    count: int

    def __init__(self, nan_value: float = 0.0, device: torch.device | str | None = None) -> None:
        super().__init__()
        self.nan_value = nan_value
        self.device = torch.device(device or "cpu")
        self.add_state("state", default=0.0)
        self.add_state("count", default=0)

    def update(self, state: torch.Tensor | Iterable[float] | float) -> None:
        """Take in one value, or several as a list or a tensor of any shape."""
        values = torch.as_tensor(state).detach().to("cpu", torch.float64).reshape(-1)
        self.state += values.sum().item()
        self.count += values.numel()

    def compute(self) -> dict[str, float]:
        """`{"value": mean}`."""
        total, count = sum_over_processes(torch.tensor([self.state, self.count], device=self.device)).tolist()
        return {"value": total / count if count else self.nan_value}


class TokenAccuracy(Metric):
    """The share of right tokens, or of rows whose every token is right, over batches of any lengths and processes.

    It keeps two sums on the batches' device; logits are not needed beyond their argmax.
    """

    sums: torch.Tensor | None

    def __init__(self, acc_strategy: str = "token") -> None:
        super().__init__()
        self.acc_strategy = acc_strategy
        self.add_state("sums")

    def update(self, predicted: torch.Tensor, labels: torch.Tensor, position_ids: torch.Tensor | None = None) -> None:
        """Take in a batch.

        predicted: (batch, length) int64, the argmax of the logits at each place, which is of the next token; labels:
        the same shape, -100 where nothing is trained. position_ids tell rows apart that lie side by side in a line.
        A row without a trained token does not count.
        """
        targets = labels[:, 1:].to(predicted.device)
        counted = targets != IGNORED
        right = (predicted[:, :-1] == targets) & counted
        if self.acc_strategy == "seq":
            right, counted = self._of_rows(right, counted, position_ids)
        sums = torch.stack([right.sum(), counted.sum()])
        self.sums = sums if self.sums is None else self.sums + sums

    @staticmethod
    def _of_rows(right: Any, counted: Any, position_ids: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        lines = torch.arange(right.shape[0], device=right.device).unsqueeze(1)
        begins = torch.zeros_like(right, dtype=torch.int64)
        if position_ids is not None:
            begins = (position_ids[:, 1:].to(right.device) == 0).long().cumsum(1)
        number = (begins + lines * (right.shape[1] + 1)).reshape(-1)  # a row's own, among all that there could be
        rows = number.new_zeros(2, right.shape[0] * (right.shape[1] + 1))
        rows.index_add_(1, number, torch.stack([counted.reshape(-1), right.reshape(-1)]).long())
        return (rows[0] > 0) & (rows[0] == rows[1]), rows[0] > 0

    def compute(self) -> dict[str, float]:
        """`token_acc` or `seq_acc`; nothing where no token was trained."""
        if self.sums is None:
            return {}
        right, counted = sum_over_processes(self.sums).tolist()
        return {f"{self.acc_strategy}_acc": right / counted} if counted else {}
