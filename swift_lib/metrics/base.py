"""What a metric is."""

from collections.abc import Mapping
from typing import Any

from swift_lib.metrics.mapping import eval_metrics_map


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


def make_metric(name: str, args: Any, trainer: Any) -> tuple[Any, Any]:
    """(compute_metrics, preprocess_logits_for_metrics or None) as transformers' Trainer takes them."""
    entry = eval_metrics_map[name]
    if isinstance(entry, tuple):
        return entry
    metric = entry(args, trainer)
    return metric.compute_metrics, metric.preprocess_logits_for_metrics
