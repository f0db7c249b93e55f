"""Supervised training of a causal language model on the token dataset."""

from typing import Any

import torch

from swift_lib.dataset.artifact_format import IGNORE as IGNORED
from swift_lib.trainers.base import BaseTrainer


class SftTrainer(BaseTrainer):
    """Next-token prediction. Batches may be padded rows or packs: what counts are their labels.

    A batch holds the model's inputs, labels (batch, length) and, where the data has weights, loss_scale.
    """

    default_loss = "cross_entropy"

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | float | None = None,
    ) -> Any:
        """Mean loss of the trained tokens of the accumulation window, in nats."""
        # Lists are what rows carry beside tensors, such as their channels: nothing that a model takes.
        inputs = {name: value for name, value in inputs.items() if isinstance(value, torch.Tensor)}
        labels, loss_scale = inputs.pop("labels"), inputs.pop("loss_scale", None)
        if not model.training:
            num_items_in_batch = None  # the batch's own mean, which `evaluation_loop` weighs
        outputs = model(**inputs)
        assert self.loss is not None
        loss = self.loss(outputs, labels, num_items_in_batch=num_items_in_batch, loss_scale=loss_scale)
        if not model.training:
            count = (labels[:, 1:] != IGNORED).sum()
            self.eval_means.add("loss", loss * count, count)
        elif num_items_in_batch is not None:
            loss = self.for_all_processes(loss)
        return (loss, outputs) if return_outputs else loss
