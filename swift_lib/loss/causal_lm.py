"""Next-token cross entropy."""

import torch
from torch.nn.functional import cross_entropy

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
