"""Phi (Microsoft)."""

from swift_lib.model.base import TEXT_MODEL, ModelGroup, ModelMeta, published

PHI2 = ModelMeta(
    "phi2",
    [ModelGroup(published("microsoft", "phi-2", ms="AI-ModelScope"))],
    "default",
    get_function=TEXT_MODEL,
    model_arch="phi2",
    architectures=["PhiForCausalLM"],
)

PHI3 = ModelMeta(
    "phi3",
    [
        ModelGroup(
            published(
                "microsoft",
                """
                Phi-3-mini-4k-instruct Phi-3-mini-128k-instruct Phi-3-medium-4k-instruct Phi-3-medium-128k-instruct
                Phi-3.5-mini-instruct""",
                ms="LLM-Research",
            )
        ),
        ModelGroup(published("microsoft", "Phi-4-mini-instruct", ms="LLM-Research")),
    ],
    "phi3",
    get_function=TEXT_MODEL,
    model_arch="phi3",
    architectures=["Phi3ForCausalLM"],
    requires=["transformers>=4.36"],
)

PHI3_SMALL = ModelMeta(
    "phi3_small",
    [ModelGroup(published("microsoft", "Phi-3-small-8k-instruct Phi-3-small-128k-instruct", ms="LLM-Research"))],
    "phi3",
    get_function=TEXT_MODEL,
    model_arch="phi3_small",
    architectures=["Phi3SmallForCausalLM"],
    requires=["transformers>=4.36"],
)

PHI3_MOE = ModelMeta(
    "phi3_moe",
    [ModelGroup(published("microsoft", "Phi-3.5-MoE-instruct", ms="LLM-Research"))],
    "phi3",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["PhiMoEForCausalLM"],
    requires=["transformers>=4.36"],
)

PHI4 = ModelMeta(
    "phi4",
    [ModelGroup(published("microsoft", "phi-4", ms="LLM-Research"))],
    "phi4",
    get_function=TEXT_MODEL,
    model_arch="phi3",
    architectures=["Phi3ForCausalLM"],
    requires=["transformers>=4.36"],
)
