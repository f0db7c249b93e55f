"""Ling and Ring (inclusionAI)."""

from swift_lib.model.base import TEXT_MODEL, ModelGroup, ModelMeta, published

LING = ModelMeta(
    "ling",
    [ModelGroup(published("inclusionAI", "Ling-lite Ling-plus Ling-lite-base Ling-plus-base"))],
    "ling",
    get_function=TEXT_MODEL,
    model_arch="bailing",
    architectures=["BailingMoeForCausalLM"],
)

BAILING_MOE = ModelMeta(
    "bailing_moe",
    [
        ModelGroup(published("inclusionAI", "Ling-mini-2.0 Ling-mini-base-2.0 Ling-1T"), "ling2"),
        ModelGroup(published("inclusionAI", "Ring-mini-2.0"), "ring2"),
    ],
    get_function=TEXT_MODEL,
    model_arch="bailing",
    architectures=["BailingMoeV2ForCausalLM"],
)

BAILING_HYBRID = ModelMeta(
    "bailing_hybrid",
    [
        ModelGroup(published("inclusionAI", "Ling-2.5-1T Ling-2.6-1T Ling-2.6-flash"), "ling2"),
        ModelGroup(published("inclusionAI", "Ling-3.0-tiny Ling-3.0-flash"), "ling3"),
        ModelGroup(published("inclusionAI", "Ring-2.5-1T Ring-2.6-1T"), "ring2_5"),
    ],
    get_function=TEXT_MODEL,
    model_arch="bailing",
    architectures=["BailingMoeV2_5ForCausalLM", "BailingMoeV3ForCausalLM"],
)
