"""Metrics: of generated text (`text`, pure functions) and of a trainer's predictions (`eval_metrics_map`)."""

from swift_lib.metrics.base import EvalMetrics
from swift_lib.metrics.mapping import METRIC_MAPPING, eval_metrics_map, metric_mapping

__all__ = ["METRIC_MAPPING", "EvalMetrics", "eval_metrics_map", "metric_mapping"]
