"""What is told of tokens beside their loss: how many were right, the loss of each channel."""

from typing import Any

import torch

from swift_lib.core.errors import TrainingError
from swift_lib.core.view import FlatView
from swift_lib.loss.causal_lm import dft_loss, per_token_loss_func
from swift_lib.loss.channels import ChannelLosses, at_labels
from swift_lib.metrics.running import IGNORED, TokenAccuracy
from swift_lib.trainers.fused import TokenLoss
from swift_lib.trainers.means import Means


class TokenFigures:
    """The figures of training, or of one evaluation, since they were last taken.

    view: the arguments; rows: also the share of rows with every token right, which takes logits.
    """

    def __init__(self, means: Means, view: FlatView, *, rows: bool = False) -> None:
        self._means = means
        self._channels = ChannelLosses() if getattr(view, "enable_channel_loss", False) else None
        self._dft = bool(getattr(view, "enable_dft_loss", False))
        self._rows = TokenAccuracy("seq") if rows else None

    @property
    def wants_each(self) -> bool:
        """Whether `add` needs each token's loss."""
        return self._channels is not None

    @property
    def wants_logits(self) -> bool:
        """Whether `add` needs the logits."""
        return self._rows is not None

    def add(self, found: TokenLoss, batch: dict[str, Any], count: torch.Tensor) -> None:
        """Take in a batch as the data gives it, what was computed for it, and how many of its tokens are trained."""
        labels, positions = batch["labels"], batch.get("position_ids")
        if found.correct is not None:
            self._means.add("token_acc", found.correct, count)
        if self._rows is not None:
            self._rows.update(found.outputs.logits.argmax(-1), labels, positions)
        if found.each is not None and self._channels is not None:
            each = dft_loss(found.each) if self._dft else found.each
            if "loss_scale" in batch:
                each = each * batch["loss_scale"]
            # Where no row of a batch has a channel, all of them are of none.
            names = batch.get("channel") or [None] * labels.shape[0]
            self._channels.update(each, labels, names, positions)

    def take(self) -> dict[str, float]:
        """What the means do not hold, over all processes, and begin again."""
        figures = self._channels.take() if self._channels is not None else {}
        if self._rows is not None:
            figures |= self._rows.compute()
            self._rows.reset()
        return figures


def from_logits(outputs: Any, labels: torch.Tensor, loss: torch.Tensor, *, want_each: bool) -> TokenLoss:
    """What a fused loss tells, where the logits are there."""
    with torch.no_grad():
        targets = labels[:, 1:]
        correct = ((outputs.logits[:, :-1].argmax(-1) == targets) & (targets != IGNORED)).sum()
        each = at_labels(per_token_loss_func(outputs, labels), labels) if want_each else None
    return TokenLoss(loss, outputs, correct, each)


def ask_for_router_loss(model: Any) -> None:
    """Have a mixture of experts give its balance loss, `outputs.aux_loss`. Raises TrainingError where it has none."""
    config = model.config.get_text_config()
    if not hasattr(config, "output_router_logits"):
        raise TrainingError(
            f"{config.model_type} is no mixture of experts, or gives no balance loss",
            where="--router_aux_loss_coef",
            fix="leave it out",
        )
    for each in (model.config, config):
        each.output_router_logits = True
