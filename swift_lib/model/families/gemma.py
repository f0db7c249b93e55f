"""Gemma (Google)."""

from swift_lib.model.base import TEXT_MODEL, ModelGroup, ModelMeta, published

GEMMA = ModelMeta(
    "gemma",
    [ModelGroup(published("google", "gemma-2b-it gemma-2b gemma-7b gemma-7b-it", ms="AI-ModelScope"))],
    "gemma",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["GemmaForCausalLM"],
    requires=["transformers>=4.38"],
)

GEMMA2 = ModelMeta(
    "gemma2",
    [
        ModelGroup(
            published(
                "google",
                """
                gemma-2-2b-it gemma-2-2b gemma-2-9b gemma-2-9b-it gemma-2-27b gemma-2-27b-it""",
                ms="LLM-Research",
            )
        )
    ],
    "gemma",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Gemma2ForCausalLM"],
    requires=["transformers>=4.42"],
)

GEMMA3_TEXT = ModelMeta(
    "gemma3_text",
    [
        ModelGroup(
            [
                *published("google", "gemma-3-1b-pt gemma-3-1b-it", ms="LLM-Research"),
                *published("google", "gemma-3-270m gemma-3-270m-it medgemma-27b-text-it"),
            ]
        )
    ],
    "gemma3_text",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Gemma3ForCausalLM"],
    requires=["transformers>=4.49"],
)

GEMMA_EMB = ModelMeta(
    "gemma_emb",
    [ModelGroup(published("google", "embeddinggemma-300m"))],
    "dummy",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Gemma3TextModel"],
    task_type="embedding",
)

GEMMA_REWARD = ModelMeta(
    "gemma_reward",
    [
        ModelGroup(
            published("Skywork", "Skywork-Reward-Gemma-2-27B Skywork-Reward-Gemma-2-27B-v0.2", ms="AI-ModelScope")
        )
    ],
    "gemma",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Gemma2ForSequenceClassification"],
    is_reward=True,
    requires=["transformers>=4.42"],
)
