"""What the trainers of classifiers, embeddings and rerankers share: a row, a text or a document counts, not a token."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch

from swift_lib.dataloader.shard import blank_targets
from swift_lib.trainers.collecting import CollectingTrainer


class RowTrainer(CollectingTrainer):
    """Trains on what a batch's labels stand for, one for a row, a pair or a document.

    A batch holds the model's inputs, labels, and pooled_tokens, (sequences,) int64: in the flattened batch, the token
    that speaks for each sequence, padded or packed. A batch without labels counts nowhere: it is what a process gets
    for which no row is left.

    The loss of a step is the mean over all `items` of its accumulation window and of all processes. What compares the
    rows of a batch with each other sees the rows of one batch.
    """

    def __init__(self, *, blank: Callable[[Any], Any] = blank_targets, **kwargs: Any) -> None:
        super().__init__(blank=blank, **kwargs)

    @abstractmethod
    def outputs(self, model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> Any:
        """What the loss takes, of a batch without its labels."""

    @abstractmethod
    def predictions(self, outputs: Any) -> torch.Tensor:
        """What the metric takes: the scores or embeddings of a batch, float32."""

    def batch_loss(self, outputs: Any, labels: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        """The mean over the `count` items of a batch that has some."""
        assert self.loss is not None
        # A plugin's loss may divide by the items itself: given those of the batch, that is the mean, too.
        return self.loss(outputs, labels, num_items_in_batch=count)

    def items(self, batch: Any) -> torch.Tensor:
        """What the loss of a batch is the mean of: its labels, unless a task counts otherwise."""
        return torch.tensor(len(batch["labels"]))

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | float | None = None,
    ) -> Any:
        """The batch's share of the mean loss of its accumulation window; evaluating, the batch's own mean."""
        inputs = {name: value for name, value in inputs.items() if isinstance(value, torch.Tensor)}
        count = self.items(inputs).to(inputs["input_ids"].device)
        labels = inputs.pop("labels")
        outputs = self.outputs(model, inputs)
        loss = self.loss_or_nothing(outputs, labels, count)
        if not model.training:
            self.eval_means.add("loss", loss * count, count)
            self.keep(self.predictions(outputs), labels)
        elif num_items_in_batch is not None:
            loss = self.share(loss, count, num_items_in_batch)
        return (loss, outputs) if return_outputs else loss

    def loss_or_nothing(self, outputs: Any, labels: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        """The loss of the batch; 0, with a gradient of 0 for every parameter, where it has no labels."""
        if len(labels):
            return self.batch_loss(outputs, labels, count)
        return self.predictions(outputs).sum() * 0

    def share(self, loss: torch.Tensor, count: torch.Tensor, items: torch.Tensor | float) -> torch.Tensor:
        """A batch's mean as its part of the mean over the items of all batches of a step."""
        return self.for_all_processes(loss * (count / items))
