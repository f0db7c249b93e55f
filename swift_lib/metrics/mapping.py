"""The names that --eval_metric takes, and the tasks that each is for."""

from typing import Any

from swift_lib.core.registry import Registry

# An entry is an EvalMetrics class or a documented pair (compute_metrics, preprocess_logits_for_metrics or None).
eval_metrics_map: Registry[Any] = Registry(
    "evaluation metric",
    "swift_lib.metrics.base:check_metric",
    table={
        "acc": "swift_lib.metrics.acc:AccMetrics",
        "nlg": "swift_lib.metrics.nlg:NlgMetrics",
        "infonce": "swift_lib.metrics.embedding:InfonceMetrics",
        "paired": "swift_lib.metrics.embedding:PairedMetrics",
        "reranker": "swift_lib.metrics.reranker:RerankerMetrics",
    },
    extra="train",
)
metric_mapping = METRIC_MAPPING = eval_metrics_map

PLUGIN_TASKS = ("causal_lm", "prm", "embedding", "reranker", "generative_reranker")
"""The tasks that a plugin's metric may measure."""

TASKS: dict[str, tuple[str, ...]] = {
    "acc": ("causal_lm", "prm", "seq_cls"),
    "nlg": ("causal_lm",),
    "infonce": ("embedding",),
    "paired": ("embedding",),
    "reranker": ("reranker", "generative_reranker"),
}
