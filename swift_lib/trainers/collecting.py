"""Evaluation that keeps what a metric needs of each batch, however many rows each process has."""

from typing import Any

import numpy as np
import torch
from accelerate.utils import gather_object
from transformers import EvalPrediction

from swift_lib.trainers.base import BaseTrainer


class CollectingTrainer(BaseTrainer):
    """transformers' loop gathers the predictions of every batch, which takes as many of them on every process.

    A task calls `keep` while it computes the loss of a batch that is evaluated.
    """

    def __init__(self, **kwargs: Any) -> None:
        self._predictions: list[np.ndarray] = []
        self._targets: list[np.ndarray] = []
        super().__init__(**kwargs)

    def keep(self, predictions: torch.Tensor, labels: torch.Tensor) -> None:
        """Keep predictions, first shrunk as the metric wants it, and labels of the same length."""
        if self.compute_metrics is None or not len(labels):
            return
        if self.preprocess_logits_for_metrics is not None:
            predictions = self.preprocess_logits_for_metrics(predictions, labels)
        self._predictions.append(_array(predictions))
        self._targets.append(_array(labels))

    def prediction_step(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
    ) -> tuple[None, None, None]:
        """Evaluate a batch; what is found is kept here."""
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            self.compute_loss(model, inputs)
        return None, None, None

    def evaluation_loop(
        self,
        dataloader: Any,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> Any:
        """The mean loss, and the metric of all predictions."""
        self._predictions.clear()
        self._targets.clear()
        output = super().evaluation_loop(dataloader, description, prediction_loss_only, ignore_keys, metric_key_prefix)
        if self.compute_metrics is not None:
            kept = [(self._predictions, self._targets)]
            found = gather_object(kept) if self.args.world_size > 1 else kept
            predictions = np.concatenate([each for process, _ in found for each in process])
            targets = np.concatenate([each for _, process in found for each in process])
            metrics = self.compute_metrics(EvalPrediction(predictions=predictions, label_ids=targets))
            output.metrics.update({f"{metric_key_prefix}_{name}": float(value) for name, value in metrics.items()})
        return output


def _array(values: torch.Tensor) -> np.ndarray:
    values = values.detach().cpu()
    return (values.float() if values.is_floating_point() else values).numpy()
