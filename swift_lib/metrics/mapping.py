"""The names of the metrics."""

from typing import Any

from swift_lib.core.registry import Registry

# An entry is an EvalMetrics class or a documented pair (compute_metrics, preprocess_logits_for_metrics or None).
eval_metrics_map: Registry[Any] = Registry("evaluation metric", table={})
metric_mapping = METRIC_MAPPING = eval_metrics_map
