"""Next-token cross entropy, and what is made of it."""

from typing import Any

import torch
from torch.nn.functional import cross_entropy

from swift_lib.loss.base import BaseLoss, logits_of

IGNORED = -100


def weighted_cross_entropy(
    logits: torch.Tensor,
    labels: torch.Tensor,
    *,
    loss_scale: torch.Tensor | None = None,
    num_items_in_batch: torch.Tensor | float | None = None,
) -> torch.Tensor:
    """sum over trained tokens t of scale_t * -log p(label_t | earlier tokens), divided by the number of trained tokens.

    logits: (batch, length, vocabulary), any float dtype; labels: (batch, length) int64, -100 where nothing is trained;
    loss_scale: (batch, length) float32 weights aligned with labels, None for 1. num_items_in_batch: trained tokens over
    the whole accumulation window, None for this batch's. The scale does not enter the divisor, so that doubling a
    token's weight doubles its share of the gradient. Returns a scalar in nats per trained token, float32.
    """
    targets = labels[:, 1:].reshape(-1)
    predicted = logits[:, :-1].reshape(-1, logits.size(-1)).float()
    each = cross_entropy(predicted, targets, ignore_index=IGNORED, reduction="none")  # (batch * (length - 1),)
    if loss_scale is not None:
        each = each * loss_scale[:, 1:].reshape(-1)
    count = num_items_in_batch if num_items_in_batch is not None else (targets != IGNORED).sum()
    return each.sum() / count


def per_token_loss_func(
    outputs: Any, labels: torch.Tensor, enable_dft_loss: bool = False, **kwargs: Any
) -> torch.Tensor:
    """-log p(label_t | earlier tokens) of every position, shifted, flat and not reduced; 0 where nothing is trained.

    outputs: holds logits (batch, length, vocabulary); labels: (batch, length), -100 where nothing is trained. Returns
    (batch * length,) float32: place b * length + i is the loss of row b's label i + 1, and that of a row's last place
    is 0. enable_dft_loss: see `dft_loss`. Further keywords are taken, as plugins pass what they have, and not used.
    """
    logits = logits_of(outputs)
    targets = labels.roll(-1, -1)
    targets[..., -1] = IGNORED
    each = cross_entropy(
        logits.reshape(-1, logits.shape[-1]).float(),
        targets.reshape(-1).to(logits.device),
        ignore_index=IGNORED,
        reduction="none",
    )
    return dft_loss(each) if enable_dft_loss else each


def dft_loss(token_loss: torch.Tensor) -> torch.Tensor:
    """Each token's loss times its own probability, taken as a constant: p = exp(-loss).

    Wu et al. 2025, "On the Generalization of SFT: A Reinforcement Learning Perspective with Reward Rectification"
    (arXiv 2508.05629), equation 9. token_loss: -log p in nats, any shape; where it is 0 it stays 0.
    """
    return token_loss * (-token_loss.detach()).exp()


def with_router_loss(loss: torch.Tensor, outputs: Any, coefficient: torch.Tensor | float) -> torch.Tensor:
    """Add a mixture's balance loss: coefficient times `outputs.aux_loss`, which models give with
    output_router_logits.

    Fedus et al. 2021, "Switch Transformers" (arXiv 2101.03961), equation 4.
    """
    return loss + coefficient * outputs.aux_loss.to(loss.device, loss.dtype)


class CustomCrossEntropyLoss(BaseLoss):
    """The default: weighted next-token cross entropy, divided by the trained tokens of the accumulation window."""

    def __call__(
        self,
        outputs: Any,
        labels: torch.Tensor,
        *,
        num_items_in_batch: torch.Tensor | float | None = None,
        loss_scale: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        """See `weighted_cross_entropy`; loss_scale is flat and shifted here. `args.enable_dft_loss` is respected."""
        dft = bool(getattr(self.args, "enable_dft_loss", False))
        each = per_token_loss_func(outputs, labels, enable_dft_loss=dft)
        if loss_scale is not None:
            each = each * loss_scale
        count = num_items_in_batch if num_items_in_batch is not None else (labels[:, 1:] != IGNORED).sum()
        return each.sum() / count
