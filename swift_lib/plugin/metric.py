"""The import path of the 3.x documents (`swift.plugin.metric`): the same objects, nothing of its own."""

from swift_lib.core.lazy import lazy_names

NAMES = {
    "Metric": "swift_lib.metrics.utils:Metric",
    "MeanMetric": "swift_lib.metrics.running:MeanMetric",
    "InferStats": "swift_lib.metrics.utils:InferStats",
    "compute_acc_metrics": "swift_lib.metrics.acc:compute_acc_metrics",
    "preprocess_logits_for_acc": "swift_lib.metrics.acc:preprocess_logits_for_acc",
    "compute_nlg_metrics": "swift_lib.metrics.nlg:compute_nlg_metrics",
    "get_metric": "swift_lib.metrics.base:get_metric",
    "EvalMetrics": "swift_lib.metrics.base:EvalMetrics",
    "METRIC_MAPPING": "swift_lib.metrics.mapping:eval_metrics_map",
    "metric_mapping": "swift_lib.metrics.mapping:eval_metrics_map",
    "eval_metrics_map": "swift_lib.metrics.mapping:eval_metrics_map",
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
