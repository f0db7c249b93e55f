"""Encoders: BERT-like models for embedding and ranking."""

from swift_lib.model.base import TEXT_MODEL, ModelGroup, ModelMeta, published

BERT = ModelMeta(
    "bert",
    [ModelGroup(published(None, "nlp_structbert_backbone_base_std", ms="iic"))],
    "dummy",
    get_function=TEXT_MODEL,
    model_arch="bert",
    tags=["bert"],
)

MODERN_BERT = ModelMeta(
    "modern_bert",
    [ModelGroup(published("answerdotai", "ModernBERT-base ModernBERT-large"))],
    "dummy",
    get_function=TEXT_MODEL,
    model_arch="modern_bert",
    architectures=["ModernBertForMaskedLM"],
    requires=["transformers>=4.48"],
    tags=["bert"],
)

MODERN_BERT_GTE = ModelMeta(
    "modern_bert_gte",
    [ModelGroup(published("Alibaba-NLP", "gte-modernbert-base", ms="iic"))],
    "dummy",
    get_function=TEXT_MODEL,
    model_arch="modern_bert",
    architectures=["ModernBertModel"],
    task_type="embedding",
    requires=["transformers>=4.48"],
    tags=["bert", "embedding"],
)

MODERN_BERT_GTE_RERANKER = ModelMeta(
    "modern_bert_gte_reranker",
    [ModelGroup(published("Alibaba-NLP", "gte-reranker-modernbert-base", ms="iic"))],
    "bert",
    get_function=TEXT_MODEL,
    model_arch="modern_bert",
    architectures=["ModernBertForSequenceClassification"],
    task_type="reranker",
    requires=["transformers>=4.48"],
    tags=["bert", "reranker"],
)

BGE_RERANKER = ModelMeta(
    "bge_reranker",
    [ModelGroup(published("BAAI", "bge-reranker-base bge-reranker-v2-m3 bge-reranker-large"))],
    "bge_reranker",
    get_function=TEXT_MODEL,
    model_arch="roberta",
    architectures=["XLMRobertaForSequenceClassification"],
    task_type="reranker",
)
