"""The names that --loss_type takes, and the tasks that each is for."""

from typing import Any

from swift_lib.core.registry import Registry

loss_map: Registry[Any] = Registry(
    "loss",
    "swift_lib.loss.base:check_loss",
    table={
        "cross_entropy": "swift_lib.loss.causal_lm:CustomCrossEntropyLoss",
        "cosine_similarity": "swift_lib.loss.pairs:CosineSimilarityLoss",
        "contrastive": "swift_lib.loss.pairs:ContrastiveLoss",
        "online_contrastive": "swift_lib.loss.pairs:OnlineContrastiveLoss",
        "infonce": "swift_lib.loss.infonce:InfonceLoss",
        "pointwise_reranker": "swift_lib.loss.reranker:PointwiseRerankerLoss",
        "listwise_reranker": "swift_lib.loss.reranker:ListwiseRerankerLoss",
        "scoring": "swift_lib.loss.decision:ScoringLoss",
        "distill_rps": "swift_lib.loss.decision:DistillRpsLoss",
        "smooth_brier": "swift_lib.loss.decision:SmoothBrierLoss",
        "ce_rps": "swift_lib.loss.decision:CeRpsLoss",
    },
    extra="train",
)
LOSS_MAPPING = loss_mapping = loss_map

TOKENS = ("causal_lm", "prm")
EMBEDDING = ("embedding",)
RERANKER = ("reranker", "generative_reranker")
DECISION = ("decision",)

PLUGIN_TASKS = (*TOKENS, *EMBEDDING, *RERANKER)
"""The tasks that a plugin's loss may train."""

TASKS: dict[str, tuple[str, ...]] = {
    "cross_entropy": TOKENS,
    "cosine_similarity": EMBEDDING,
    "contrastive": EMBEDDING,
    "online_contrastive": EMBEDDING,
    "infonce": EMBEDDING,
    "pointwise_reranker": RERANKER,
    "listwise_reranker": RERANKER,
    "scoring": DECISION,
    "distill_rps": DECISION,
    "smooth_brier": DECISION,
    "ce_rps": DECISION,
}
