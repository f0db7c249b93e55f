"""The trainer of each task."""

from typing import Any

from swift_lib.core.registry import Registry

trainers_map: Registry[Any] = Registry(
    "trainer",
    table={
        "causal_lm": "swift_lib.trainers.sft:SftTrainer",
        "pretrain": "swift_lib.trainers.pretrain:PretrainTrainer",
        "seq_cls": "swift_lib.trainers.seq_cls:SeqClsTrainer",
        "embedding": "swift_lib.trainers.embedding:EmbeddingTrainer",
        "reranker": "swift_lib.trainers.reranker:RerankerTrainer",
        "generative_reranker": "swift_lib.trainers.reranker:GenerativeRerankerTrainer",
        "prm": "swift_lib.trainers.prm:PrmTrainer",
    },
    extra="train",
)
