"""Training of classifiers: one class, several classes, or numbers."""

from functools import partial
from typing import Any

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, mse_loss

from swift_lib.metrics.classification import classification_metrics
from swift_lib.trainers.rows import RowTrainer


class SeqClsTrainer(RowTrainer):
    """A classifier on the state of a row's last token.

    The loss is that of transformers' classifiers: cross entropy for one class, binary cross entropy of each class for
    several, squared error for numbers; the mean over rows (and outputs, where labels are several). Validation logs
    accuracy and F1, or squared error and correlation; training the accuracy of one class.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        config = self.accelerator.unwrap_model(self.model).config
        self.problem_type: str = config.problem_type
        assert self.problem_type, "the problem type is decided before the trainer is made"
        if self.compute_metrics is None:
            self.compute_metrics = partial(classification_metrics, problem_type=self.problem_type)
        self._at_tokens = bool(getattr(self.model, "judges_last_tokens", False))

    def outputs(self, model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> Any:
        """Of which `logits` are (rows, num_labels)."""
        return classified(model, inputs, at_tokens=self._at_tokens)

    def predictions(self, outputs: Any) -> torch.Tensor:
        """The logits."""
        return outputs.logits.float()

    def batch_loss(self, outputs: Any, labels: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        """The mean over the rows of a batch."""
        logits = outputs.logits.float()
        if self.problem_type == "regression":
            return mse_loss(logits.squeeze(-1), labels.float().reshape(logits.squeeze(-1).shape))
        if self.problem_type == "multi_label_classification":
            return binary_cross_entropy_with_logits(logits, labels.float())
        if self.model.training:
            self.train_means.add("acc", (logits.argmax(-1) == labels).sum(), count)
        return cross_entropy(logits, labels)


def classified(model: torch.nn.Module, inputs: dict[str, torch.Tensor], *, at_tokens: bool) -> Any:
    """Run a classifier; at_tokens: it is told which tokens speak for the rows (else, an encoder, it knows)."""
    inputs = dict(inputs)
    tokens = inputs.pop("pooled_tokens")
    return model(**inputs, last_tokens=tokens) if at_tokens else model(**inputs)


def probabilities(logits: torch.Tensor, problem_type: str | None) -> torch.Tensor:
    """What a classifier's logits (rows, num_labels) mean: probabilities, or of a regression the numbers themselves."""
    if problem_type == "regression":
        return logits
    return logits.sigmoid() if problem_type == "multi_label_classification" else logits.softmax(-1)
