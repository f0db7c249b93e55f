"""Gemma."""

from swift_lib.model.base import TEXT_MODEL, ModelMeta, model_group

GEMMA = ModelMeta(
    "gemma",
    [model_group([f"google/gemma-{size}{kind}" for size in ("2b", "7b") for kind in ("", "-it")])],
    "gemma",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["GemmaForCausalLM"],
    requires=["transformers>=4.38"],
)

GEMMA2 = ModelMeta(
    "gemma2",
    [model_group([f"google/gemma-2-{size}{kind}" for size in ("2b", "9b", "27b") for kind in ("", "-it")])],
    "gemma",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Gemma2ForCausalLM"],
    requires=["transformers>=4.42"],
)

GEMMA3_TEXT = ModelMeta(
    "gemma3_text",
    [
        model_group(["google/gemma-3-270m", "google/gemma-3-270m-it", "google/gemma-3-1b-pt", "google/gemma-3-1b-it"]),
        model_group(["google/medgemma-27b-text-it"], tags=["medical"]),
    ],
    "gemma3_text",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Gemma3ForCausalLM"],
    requires=["transformers>=4.49"],
)
