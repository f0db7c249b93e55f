"""Training on plain text."""

import math
from typing import Any

from swift_lib.trainers.sft import SftTrainer

_LARGEST = 700.0  # exp of more is no float


class PretrainTrainer(SftTrainer):
    """As supervised training; the validation loss is also said as perplexity, exp of the nats per token."""

    def evaluation_loop(
        self,
        dataloader: Any,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> Any:
        """Evaluate as the base class does, and add the perplexity."""
        output = super().evaluation_loop(dataloader, description, prediction_loss_only, ignore_keys, metric_key_prefix)
        loss = output.metrics.get(f"{metric_key_prefix}_loss")
        if loss is not None:
            output.metrics[f"{metric_key_prefix}_perplexity"] = math.exp(min(loss, _LARGEST))
        return output
