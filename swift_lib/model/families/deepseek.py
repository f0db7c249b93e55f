"""DeepSeek, and Kimi, which shares its architecture."""

from swift_lib.model.base import TEXT_MODEL, Model, ModelGroup, ModelMeta, published

DEEPSEEK = ModelMeta(
    "deepseek",
    [ModelGroup(published("deepseek-ai", "deepseek-moe-16b-chat deepseek-moe-16b-base"))],
    "deepseek",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["DeepseekForCausalLM"],
)

DEEPSEEK_V2 = ModelMeta(
    "deepseek_v2",
    [
        ModelGroup(
            published(
                "deepseek-ai",
                """
                DeepSeek-Coder-V2-Instruct DeepSeek-Coder-V2-Lite-Instruct DeepSeek-Coder-V2-Base
                DeepSeek-Coder-V2-Lite-Base DeepSeek-V2-Lite DeepSeek-V2-Lite-Chat DeepSeek-V2 DeepSeek-V2-Chat""",
            ),
            "deepseek",
        ),
        ModelGroup(published("deepseek-ai", "DeepSeek-V2.5 DeepSeek-V2.5-1210"), "deepseek_v2_5"),
    ],
    get_function=TEXT_MODEL,
    model_arch="deepseek_v2",
    architectures=["DeepseekV2ForCausalLM"],
    requires=["transformers>=4.39.3"],
)

DEEPSEEK_V3 = ModelMeta(
    "deepseek_v3",
    [
        ModelGroup(published("deepseek-ai", "DeepSeek-V3-Base DeepSeek-V3 DeepSeek-V3-0324"), "deepseek_v2_5"),
        ModelGroup(
            [
                Model("cognitivecomputations/DeepSeek-V3-awq", "cognitivecomputations/DeepSeek-V3-AWQ"),
                *published("cognitivecomputations", "DeepSeek-V3-0324-AWQ"),
            ],
            "deepseek_v2_5",
        ),
        ModelGroup(published("deepseek-ai", "DeepSeek-Prover-V2-7B DeepSeek-Prover-V2-671B"), "deepseek_v2_5"),
        ModelGroup(
            published("unsloth", "DeepSeek-V3-bf16 DeepSeek-V3-0324-BF16 DeepSeek-Prover-V2-671B-BF16"), "deepseek_v2_5"
        ),
        ModelGroup(published("deepseek-ai", "DeepSeek-R1 DeepSeek-R1-Zero DeepSeek-R1-0528"), "deepseek_r1"),
        ModelGroup(
            [
                Model("cognitivecomputations/DeepSeek-R1-awq", "cognitivecomputations/DeepSeek-R1-AWQ"),
                *published("cognitivecomputations", "DeepSeek-R1-0528-AWQ"),
            ],
            "deepseek_r1",
        ),
        ModelGroup(published("unsloth", "DeepSeek-R1-BF16 DeepSeek-R1-Zero-BF16 DeepSeek-R1-0528-BF16"), "deepseek_r1"),
        ModelGroup(
            published("moonshotai", "Moonlight-16B-A3B Moonlight-16B-A3B-Instruct"),
            "moonlight",
            requires=["transformers<4.49"],
        ),
        ModelGroup(
            published("moonshotai", "Kimi-K2-Base Kimi-K2-Instruct Kimi-K2-Instruct-0905 Kimi-K2-Thinking"), "kimi_k2"
        ),
        ModelGroup(
            published("deepseek-ai", "DeepSeek-V3.1-Base DeepSeek-V3.1 DeepSeek-V3.1-Terminus"), "deepseek_v3_1"
        ),
    ],
    get_function=TEXT_MODEL,
    model_arch="deepseek_v2",
    architectures=["DeepseekV3ForCausalLM"],
    requires=["transformers>=4.39.3"],
)

DEEPSEEK_V32 = ModelMeta(
    "deepseek_v32",
    [
        ModelGroup(
            published(
                "deepseek-ai",
                """
                DeepSeek-V3.2 DeepSeek-V3.2-Speciale DeepSeek-V3.2-Exp DeepSeek-V3.2-Exp-Base DeepSeek-Math-V2""",
            )
        )
    ],
    "deepseek_v3_1",
    get_function=TEXT_MODEL,
    model_arch="deepseek_v2",
    architectures=["DeepseekV32ForCausalLM"],
)

DEEPSEEK_V4 = ModelMeta(
    "deepseek_v4",
    [
        ModelGroup(published("deepseek-ai", "DeepSeek-V4-Flash DeepSeek-V4-Flash-Base")),
        ModelGroup(published("deepseek-ai", "DeepSeek-V4-Pro DeepSeek-V4-Pro-Base")),
        ModelGroup(published("deepseek-ai", "DeepSeek-V4-Flash-0731 DeepSeek-V4-Pro-0813"), "deepseek_v4_flash"),
    ],
    "deepseek_v4",
    get_function=TEXT_MODEL,
    model_arch="deepseek_v4",
    architectures=["DeepseekV4ForCausalLM"],
)
