"""Metrics: of generated text (`text`, pure functions) and of a trainer's predictions (`eval_metrics_map`)."""

from swift_lib.core.lazy import lazy_names
from swift_lib.metrics.base import EvalMetrics, get_metric
from swift_lib.metrics.mapping import METRIC_MAPPING, eval_metrics_map, metric_mapping
from swift_lib.metrics.utils import InferStats, Metric

__all__ = ["METRIC_MAPPING", "EvalMetrics", "InferStats", "Metric", "eval_metrics_map", "get_metric", "metric_mapping"]

NAMES = {
    "MeanMetric": "swift_lib.metrics.running:MeanMetric",
    "NlgMetrics": "swift_lib.metrics.nlg:NlgMetrics",
    "compute_acc_metrics": "swift_lib.metrics.acc:compute_acc_metrics",
    "compute_nlg_metrics": "swift_lib.metrics.nlg:compute_nlg_metrics",
    "preprocess_logits_for_acc": "swift_lib.metrics.acc:preprocess_logits_for_acc",
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
