"""What a metric is."""

from collections.abc import Mapping
from typing import Any


class EvalMetrics:
    """Metrics that a trainer computes from its own predictions while it trains (`--eval_metric`)."""

    def __init__(self, args: Any, trainer: Any) -> None:
        self.args = args
        self.trainer = trainer

    def compute_metrics(self, eval_prediction: Any) -> Mapping[str, float]:
        """Return named numbers for one `transformers.EvalPrediction`."""
        raise NotImplementedError

    def preprocess_logits_for_metrics(self, logits: Any, labels: Any) -> Any:
        """Shrink a batch's logits before they are gathered; the base class keeps them whole."""
        return logits
