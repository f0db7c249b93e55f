"""Hunyuan and Youtu (Tencent)."""

from swift_lib.model.base import TEXT_MODEL, ModelGroup, ModelMeta, published

HUNYUAN = ModelMeta(
    "hunyuan",
    [ModelGroup(published("tencent", "Hunyuan-A13B-Instruct", ms="Tencent-Hunyuan"))],
    "hunyuan_moe",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["HunYuanMoEV1ForCausalLM"],
)

HUNYUAN_V1_DENSE = ModelMeta(
    "hunyuan_v1_dense",
    [
        ModelGroup(
            published(
                "tencent",
                """
                Hunyuan-0.5B-Instruct Hunyuan-1.8B-Instruct Hunyuan-4B-Instruct Hunyuan-7B-Instruct
                Hunyuan-0.5B-Pretrain Hunyuan-1.8B-Pretrain Hunyuan-4B-Pretrain Hunyuan-7B-Pretrain
                Hunyuan-0.5B-Instruct-FP8 Hunyuan-1.8B-Instruct-FP8 Hunyuan-4B-Instruct-FP8 Hunyuan-7B-Instruct-FP8
                Hunyuan-0.5B-Instruct-AWQ-Int4 Hunyuan-1.8B-Instruct-AWQ-Int4 Hunyuan-4B-Instruct-AWQ-Int4
                Hunyuan-7B-Instruct-AWQ-Int4 Hunyuan-0.5B-Instruct-GPTQ-Int4 Hunyuan-1.8B-Instruct-GPTQ-Int4
                Hunyuan-4B-Instruct-GPTQ-Int4 Hunyuan-7B-Instruct-GPTQ-Int4""",
                ms="Tencent-Hunyuan",
            )
        )
    ],
    "hunyuan",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["HunYuanDenseV1ForCausalLM"],
    requires=["transformers>=4.55.0.dev0"],
)

HY_V3 = ModelMeta(
    "hy_v3",
    [
        ModelGroup(published("tencent", "Hy3-preview Hy3-preview-Base", ms="Tencent-Hunyuan"), "hy_v3_preview"),
        ModelGroup(published("tencent", "Hy3 Hy3-FP8", ms="Tencent-Hunyuan"), "hy_v3"),
    ],
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["HYV3ForCausalLM"],
    requires=["transformers>=5.6.0"],
)

YOUTU_LLM = ModelMeta(
    "youtu_llm",
    [ModelGroup(published("tencent", "Youtu-LLM-2B Youtu-LLM-2B-Base", ms="Tencent-YouTu-Research"))],
    "youtu_llm",
    get_function=TEXT_MODEL,
    model_arch="deepseek_v2",
    architectures=["YoutuForCausalLM"],
    requires=["transformers>=4.56"],
)
