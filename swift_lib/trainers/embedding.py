"""Training of embeddings."""

from typing import Any

import torch
from torch.nn.functional import normalize

from swift_lib.core.ranking import InfonceOptions
from swift_lib.trainers.rows import RowTrainer


class EmbeddingTrainer(RowTrainer):
    """Embeddings of anchors, positives, negatives: the state of a text's last (in encoders first) token, of length 1.

    What a loss is the mean of are anchors, whatever else it compares them with: InfoNCE tells each from all documents
    of the batch (of all processes), so that a larger batch is another loss, and accumulating does not make it larger.
    has_negatives: rows may bring documents that do not fit.
    """

    def __init__(self, *, has_negatives: bool = False, **kwargs: Any) -> None:
        self._has_negatives = has_negatives
        super().__init__(**kwargs)
        # Of what others have, too: every process computes the same loss, and `gather_rows` its gradient for all.
        shared = self.extensions.loss == "infonce" and InfonceOptions.from_environment().use_batch
        self._is_shared = shared and self.args.world_size > 1

    @property
    def default_metric(self) -> str | None:  # type: ignore[override]
        """InfoNCE's margins, or of pairs how well similarities follow the labels."""
        return "infonce" if self.extensions.loss == "infonce" or self._has_negatives else "paired"

    def items(self, batch: Any) -> torch.Tensor:
        """Anchors: texts without a label of their own."""
        labels = len(batch["labels"])
        return torch.tensor(len(batch["pooled_tokens"]) - labels if labels else 0)

    def outputs(self, model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """`last_hidden_state`: the embeddings (texts, width), float32."""
        return {"last_hidden_state": embedded(model, inputs)}

    def predictions(self, outputs: Any) -> torch.Tensor:
        """The embeddings."""
        return outputs["last_hidden_state"]

    def loss_or_nothing(self, outputs: Any, labels: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        """As of any row; where processes compare their texts, one without any takes part all the same."""
        loss = super().loss_or_nothing(outputs, labels, count)
        return loss if len(labels) or not self._is_shared else loss + self.batch_loss(outputs, labels, count)

    def share(self, loss: torch.Tensor, count: torch.Tensor, items: torch.Tensor | float) -> torch.Tensor:
        """As of any row; where processes compare their texts, the loss is already that of all of them."""
        if not self._is_shared:
            return super().share(loss, count, items)
        return loss * ((self._sum(count) if self.args.average_tokens_across_devices else count) / items)


def embedded(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """The embeddings of a batch's texts, (texts, width), float32, of length 1."""
    inputs = dict(inputs)
    tokens = inputs.pop("pooled_tokens")
    states = model(**inputs).last_hidden_state
    return normalize(states.flatten(0, 1)[tokens].float(), dim=-1)
