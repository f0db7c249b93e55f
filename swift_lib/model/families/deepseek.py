"""DeepSeek. (deepseek-llm, -math and -coder have Llama's architecture and are listed there.)"""

from swift_lib.model.base import TEXT_MODEL, ModelMeta, model_group

# transformers has no class of this architecture: matched, and refused at loading.
DEEPSEEK = ModelMeta(
    "deepseek",
    [model_group(["deepseek-ai/deepseek-moe-16b-base", "deepseek-ai/deepseek-moe-16b-chat"])],
    "deepseek",
    get_function=TEXT_MODEL,
    architectures=["DeepseekForCausalLM"],
)

DEEPSEEK_V2 = ModelMeta(
    "deepseek_v2",
    [
        model_group(
            [f"deepseek-ai/DeepSeek-V2{size}{kind}" for size in ("", "-Lite") for kind in ("", "-Chat")], "deepseek"
        ),
        model_group(
            [f"deepseek-ai/DeepSeek-Coder-V2{size}-{kind}" for size in ("", "-Lite") for kind in ("Base", "Instruct")],
            "deepseek",
            tags=["coding"],
        ),
        model_group(["deepseek-ai/DeepSeek-V2.5", "deepseek-ai/DeepSeek-V2.5-1210"], "deepseek_v2_5"),
    ],
    get_function=TEXT_MODEL,
    model_arch="deepseek_v2",
    architectures=["DeepseekV2ForCausalLM"],
)

DEEPSEEK_V3 = ModelMeta(
    "deepseek_v3",
    [
        model_group(
            ["deepseek-ai/DeepSeek-V3-Base", "deepseek-ai/DeepSeek-V3", "deepseek-ai/DeepSeek-V3-0324"], "deepseek_v2_5"
        ),
        model_group(
            ["deepseek-ai/DeepSeek-R1", "deepseek-ai/DeepSeek-R1-Zero", "deepseek-ai/DeepSeek-R1-0528"], "deepseek_r1"
        ),
        model_group(
            ["deepseek-ai/DeepSeek-V3.1-Base", "deepseek-ai/DeepSeek-V3.1", "deepseek-ai/DeepSeek-V3.1-Terminus"],
            "deepseek_v3_1",
        ),
    ],
    get_function=TEXT_MODEL,
    model_arch="deepseek_v2",
    architectures=["DeepseekV3ForCausalLM"],
)
