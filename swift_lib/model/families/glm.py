"""ChatGLM, GLM and CodeGeeX (Zhipu)."""

from swift_lib.model.base import TEXT_MODEL, ModelGroup, ModelMeta, published

CHATGLM2 = ModelMeta(
    "chatglm2",
    [
        ModelGroup(published("zai-org", "chatglm2-6b chatglm2-6b-32k", ms="ZhipuAI"), requires=["transformers<4.42"]),
        ModelGroup(published("zai-org", "codegeex2-6b", ms="ZhipuAI"), requires=["transformers<4.34"], tags=["coding"]),
    ],
    "chatglm2",
    get_function=TEXT_MODEL,
    model_arch="chatglm",
    architectures=["ChatGLMModel", "ChatGLMForConditionalGeneration"],
)

CHATGLM3 = ModelMeta(
    "chatglm3",
    [ModelGroup(published("zai-org", "chatglm3-6b chatglm3-6b-base chatglm3-6b-32k chatglm3-6b-128k", ms="ZhipuAI"))],
    "chatglm4",
    get_function=TEXT_MODEL,
    model_arch="chatglm",
    architectures=["ChatGLMModel", "ChatGLMForConditionalGeneration"],
    requires=["transformers<4.42"],
)

CHATGLM4 = ModelMeta(
    "chatglm4",
    [
        ModelGroup(published("zai-org", "glm-4-9b-chat glm-4-9b glm-4-9b-chat-1m", ms="ZhipuAI")),
        ModelGroup(published("zai-org", "LongWriter-glm4-9b", ms="ZhipuAI")),
    ],
    "chatglm4",
    get_function=TEXT_MODEL,
    model_arch="chatglm",
    architectures=["ChatGLMModel", "ChatGLMForConditionalGeneration"],
    requires=["transformers>=4.42"],
)

CODEGEEX4 = ModelMeta(
    "codegeex4",
    [ModelGroup(published("zai-org", "codegeex4-all-9b", ms="ZhipuAI"))],
    "codegeex4",
    get_function=TEXT_MODEL,
    model_arch="chatglm",
    architectures=["ChatGLMModel", "ChatGLMForConditionalGeneration"],
    requires=["transformers<4.42"],
    tags=["coding"],
)

GLM_EDGE = ModelMeta(
    "glm_edge",
    [ModelGroup(published("zai-org", "glm-edge-1.5b-chat glm-edge-4b-chat", ms="ZhipuAI"))],
    "chatglm4",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["GlmForCausalLM"],
    requires=["transformers>=4.46"],
)

GLM4 = ModelMeta(
    "glm4",
    [
        ModelGroup(
            published(
                "zai-org",
                """
                GLM-4-9B-0414 GLM-4-32B-0414 GLM-4-32B-Base-0414 GLM-Z1-9B-0414 GLM-Z1-32B-0414""",
                ms="ZhipuAI",
            ),
            "glm4",
        ),
        ModelGroup(published("zai-org", "GLM-Z1-Rumination-32B-0414", ms="ZhipuAI"), "glm4_z1_rumination"),
    ],
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Glm4ForCausalLM"],
    requires=["transformers>=4.51"],
)

GLM4_MOE = ModelMeta(
    "glm4_moe",
    [
        ModelGroup(
            published(
                "zai-org",
                """
                GLM-4.5-Air-Base GLM-4.5-Air GLM-4.5-Air-FP8 GLM-4.5-Base GLM-4.5 GLM-4.5-FP8""",
                ms="ZhipuAI",
            ),
            "glm4_5",
        ),
        ModelGroup(published("zai-org", "GLM-4.6 GLM-4.6-FP8", ms="ZhipuAI"), "glm4_5"),
        ModelGroup(published("zai-org", "GLM-4.7 GLM-4.7-FP8", ms="ZhipuAI"), "glm4_7"),
    ],
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Glm4MoeForCausalLM"],
    requires=["transformers>=4.54"],
)

GLM4_MOE_LITE = ModelMeta(
    "glm4_moe_lite",
    [ModelGroup(published("zai-org", "GLM-4.7-Flash", ms="ZhipuAI"), "glm4_7")],
    get_function=TEXT_MODEL,
    model_arch="deepseek_v2",
    architectures=["Glm4MoeLiteForCausalLM"],
    requires=["transformers>=5.0.0.dev"],
)

GLM_MOE_DSA = ModelMeta(
    "glm_moe_dsa",
    [
        ModelGroup(published("zai-org", "GLM-5", ms="ZhipuAI"), "glm4_7"),
        ModelGroup([*published("zai-org", "GLM-5.1", ms="ZhipuAI"), *published("ZhipuAI", "GLM-5.1-FP8")], "glm5_1"),
        ModelGroup(published("ZhipuAI", "GLM-5.2 GLM-5.2-FP8"), "glm5_2"),
        ModelGroup(published("zai-org", "GLM-5.3 GLM-5.3-BF16", ms="ZhipuAI"), "glm5_3"),
    ],
    get_function=TEXT_MODEL,
    model_arch="deepseek_v2",
    architectures=["GlmMoeDsaForCausalLM"],
    requires=["transformers>=5.2.0"],
)
