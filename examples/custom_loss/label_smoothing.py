"""The losses `smoothed` (a class, 4.0) and `sum_of_tokens` (a function, 3.0)."""

from typing import Any

import torch
from torch.nn.functional import cross_entropy

from swift_lib import BaseLoss, loss_map, register_loss_func
from swift_lib.trainers import per_token_loss_func

SHARE = 0.1


class Smoothed(BaseLoss):
    """Cross entropy with a tenth of each token's probability spread evenly over the vocabulary (label smoothing)."""

    def __call__(
        self,
        outputs: Any,
        labels: torch.Tensor,
        *,
        num_items_in_batch: Any = None,
        loss_scale: Any = None,
        **kwargs: Any,
    ) -> torch.Tensor:
        """labels are not shifted; loss_scale is, and flat, as `per_token_loss_func` is."""
        token_loss = per_token_loss_func(outputs, labels)
        spread = -outputs.logits.float().log_softmax(-1).mean(-1).reshape(-1)
        trained = (labels.roll(-1, -1) != -100).reshape(-1)
        token_loss = (1 - SHARE) * token_loss + SHARE * spread * trained
        if loss_scale is not None:
            token_loss = token_loss * loss_scale
        return token_loss.sum() / num_items_in_batch


loss_map["smoothed"] = Smoothed


@register_loss_func("sum_of_tokens")
def sum_of_tokens(outputs: Any, labels: torch.Tensor, num_items_in_batch: Any = None) -> torch.Tensor:
    """The cross entropy of a batch's tokens added up, so that longer replies count more; nothing is divided."""
    return cross_entropy(outputs.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction="sum")
