"""The loss of a causal language model inside its own forward pass, without its logits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from swift_lib.loss.chunked import ChunkedLoss, chunked_cross_entropy, cross_entropy_of_logits
from swift_lib.model.output_head import OutputHead, find_head, head_replaced


@dataclass(frozen=True)
class TokenLoss:
    """loss: scalar; outputs: the model's, with logits (batch, 0, vocabulary) where they were not made.

    correct and each as in `loss.chunked.ChunkedLoss`, where they were asked for.
    """

    loss: torch.Tensor
    outputs: Any
    correct: torch.Tensor | None = None
    each: torch.Tensor | None = None


class FusedLoss:
    """Cross entropy of a model's batch, computed where the model would make its logits, or from them where it must.

    It goes through the (wrapped) model's own call, so what DDP, DeepSpeed, FSDP, peft and gradient checkpointing hang
    on it happens. Whether the head can be replaced is found out on the first batch (`model.output_head.find_head`).
    """

    def __init__(self, *, dft: bool = False, keep_logits: bool = False) -> None:
        self._dft, self._keep_logits = dft, keep_logits
        self._head: OutputHead | None = None
        self._known = keep_logits

    def __call__(
        self,
        model: torch.nn.Module,
        inputs: Mapping[str, Any],
        labels: torch.Tensor,
        *,
        loss_scale: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | float | None = None,
        want_accuracy: bool = False,
        want_each: bool = False,
    ) -> TokenLoss:
        """inputs: what the model takes, without labels; the rest as in `loss.chunked.chunked_cross_entropy`."""
        if not self._known:
            self._head, self._known = find_head(model, inputs), True
        options: dict[str, Any] = {
            "loss_scale": loss_scale, "num_items_in_batch": num_items_in_batch, "dft": self._dft,
            "want_accuracy": want_accuracy, "want_each": want_each,
        }  # fmt: skip
        if self._head is None:
            outputs = model(**inputs)
            return _token_loss(cross_entropy_of_logits(outputs.logits, labels, **options), outputs)
        return _fused(self._head, model, inputs, labels, options)


def _fused(
    head: OutputHead, model: torch.nn.Module, inputs: Mapping[str, Any], labels: torch.Tensor, options: dict[str, Any]
) -> TokenLoss:
    found: list[ChunkedLoss] = []

    def forward(hidden: torch.Tensor) -> torch.Tensor:
        assert hidden.shape[:2] == labels.shape and not found
        found.append(
            chunked_cross_entropy(
                hidden,
                head.linear.weight,
                head.linear.bias,
                labels.to(hidden.device),
                logit_scale=head.scale,
                logit_softcap=head.softcap,
                **options,
            )
        )
        return found[0].loss.reshape(1, 1, 1)

    with head_replaced(head.linear, forward):
        outputs = model(**inputs)
    result = found[0]
    # The way back leads through the model's output, where DDP, FSDP and DeepSpeed wait for it; it adds nothing.
    loss = result.loss + 0.0 * outputs.logits.sum()
    outputs.logits = loss.new_empty(*labels.shape[:1], 0, head.linear.out_features)
    return _token_loss(result._replace(loss=loss), outputs)


def _token_loss(result: ChunkedLoss, outputs: Any) -> TokenLoss:
    return TokenLoss(result.loss, outputs, result.correct, result.each)
