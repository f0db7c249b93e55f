"""GLM."""

from swift_lib.model.base import TEXT_MODEL, ModelMeta, model_group

GLM_EDGE = ModelMeta(
    "glm_edge",
    [model_group(["zai-org/glm-edge-1.5b-chat", "zai-org/glm-edge-4b-chat"])],
    "chatglm4",
    get_function=TEXT_MODEL,
    architectures=["GlmForCausalLM"],
    requires=["transformers>=4.46"],
)

GLM4 = ModelMeta(
    "glm4",
    [
        model_group(
            [
                "zai-org/GLM-4-9B-0414",
                "zai-org/GLM-4-32B-0414",
                "zai-org/GLM-4-32B-Base-0414",
                "zai-org/GLM-Z1-9B-0414",
                "zai-org/GLM-Z1-32B-0414",
            ],
            "glm4",
        )
    ],
    get_function=TEXT_MODEL,
    architectures=["Glm4ForCausalLM"],
    requires=["transformers>=4.51"],
)
