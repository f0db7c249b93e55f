"""The import path of the 3.x documents (`swift.plugin.metric`): the same objects, nothing of its own."""

from swift_lib.core.lazy import lazy_names

NAMES = {
    "EvalMetrics": "swift_lib.metrics.base:EvalMetrics",
    "METRIC_MAPPING": "swift_lib.metrics.mapping:eval_metrics_map",
    "metric_mapping": "swift_lib.metrics.mapping:eval_metrics_map",
    "eval_metrics_map": "swift_lib.metrics.mapping:eval_metrics_map",
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
