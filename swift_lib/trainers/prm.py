"""Training of process rewards: a classifier judges each step of a reply at the token that ends it."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.nn.functional import pad
from transformers.modeling_outputs import TokenClassifierOutput

from swift_lib.dataset.artifact_format import IGNORE as IGNORED
from swift_lib.trainers.collecting import CollectingTrainer


class PrmTrainer(CollectingTrainer):
    """Cross entropy of the steps' classes, the mean over steps; training and validation log the share that is right.

    A batch holds the model's inputs and labels (batch, length): the class of a step at its last token, -100 elsewhere.
    """

    default_loss = "cross_entropy"

    def items(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """Steps."""
        return (batch["labels"] != IGNORED).sum()

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | float | None = None,
    ) -> Any:
        """Mean loss of the steps of the accumulation window, in nats."""
        inputs = {name: value for name, value in inputs.items() if isinstance(value, torch.Tensor)}
        labels = inputs.pop("labels")
        if not model.training:
            num_items_in_batch = None
        outputs = model(**inputs)
        assert self.loss is not None
        judged = labels != IGNORED
        count = judged.sum().clamp(min=1) if num_items_in_batch is None else num_items_in_batch
        loss = self.loss(*as_next_tokens(outputs.logits, labels), num_items_in_batch=count)
        right = (outputs.logits.argmax(-1) == labels)[judged].sum()
        (self.train_means if model.training else self.eval_means).add("step_acc", right, judged.sum())
        if not model.training:
            self.eval_means.add("loss", loss * judged.sum(), judged.sum())
            steps, classes = as_next_tokens(outputs.logits[judged].unsqueeze(1), labels[judged].unsqueeze(1))
            self.keep(steps.logits, classes)  # each step as a row of two tokens
        elif num_items_in_batch is not None:
            loss = self.for_all_processes(loss)
        return (loss, outputs) if return_outputs else loss


def as_next_tokens(logits: torch.Tensor, labels: torch.Tensor) -> tuple[TokenClassifierOutput, torch.Tensor]:
    """Outputs and labels as losses of language models take them, which let a position predict the label after it.

    logits: (batch, length, classes) and labels (batch, length) of the same positions; both become one longer.
    """
    return TokenClassifierOutput(logits=pad(logits, (0, 0, 0, 1))), pad(labels, (1, 0), value=IGNORED)


def step_probabilities(
    logits: torch.Tensor, attention_mask: torch.Tensor, ends: Sequence[Sequence[int]]
) -> list[torch.Tensor]:
    """The probabilities (steps, classes) of each row of a batch that is padded on the left.

    logits: (batch, length, classes); ends: of each row, the places of its steps' last tokens in the unpadded row.
    """
    padding = (attention_mask == 0).sum(1).tolist()
    return [
        logits[row, [width + at for at in places]].float().softmax(-1)
        for row, (width, places) in enumerate(zip(padding, ends, strict=True))
    ]
