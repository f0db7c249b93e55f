"""InternLM (Shanghai AI Laboratory)."""

from swift_lib.model.base import TEXT_MODEL, ModelGroup, ModelMeta, published

INTERNLM = ModelMeta(
    "internlm",
    [
        ModelGroup(
            [
                *published("internlm", "internlm-chat-7b internlm-7b", ms="Shanghai_AI_Laboratory"),
                *published(None, "internlm-chat-7b-8k", ms="Shanghai_AI_Laboratory"),
                *published("internlm", "internlm-20b internlm-chat-20b", ms="Shanghai_AI_Laboratory"),
            ]
        )
    ],
    "internlm",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["InternLMForCausalLM"],
)

INTERNLM2 = ModelMeta(
    "internlm2",
    [
        ModelGroup(
            published(
                "internlm",
                """
                internlm2-chat-1_8b internlm2-1_8b internlm2-chat-1_8b-sft internlm2-base-7b internlm2-7b
                internlm2-chat-7b internlm2-chat-7b-sft internlm2-base-20b internlm2-20b internlm2-chat-20b
                internlm2-chat-20b-sft""",
                ms="Shanghai_AI_Laboratory",
            )
        ),
        ModelGroup(
            published(
                "internlm",
                """
                internlm2-math-7b internlm2-math-base-7b internlm2-math-base-20b internlm2-math-20b""",
                ms="Shanghai_AI_Laboratory",
            ),
            tags=["math"],
        ),
        ModelGroup(
            published(
                "internlm",
                """
                internlm2_5-1_8b-chat internlm2_5-1_8b internlm2_5-7b internlm2_5-7b-chat internlm2_5-7b-chat-1m
                internlm2_5-20b internlm2_5-20b-chat""",
                ms="Shanghai_AI_Laboratory",
            )
        ),
    ],
    "internlm2",
    get_function=TEXT_MODEL,
    model_arch="internlm2",
    architectures=["InternLM2ForCausalLM"],
    requires=["transformers>=4.38"],
)

INTERNLM3 = ModelMeta(
    "internlm3",
    [ModelGroup(published("internlm", "internlm3-8b-instruct", ms="Shanghai_AI_Laboratory"))],
    "internlm2",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["InternLM3ForCausalLM"],
    requires=["transformers>=4.48"],
)

INTERNLM2_REWARD = ModelMeta(
    "internlm2_reward",
    [
        ModelGroup(
            published(
                "internlm",
                "internlm2-1_8b-reward internlm2-7b-reward internlm2-20b-reward",
                ms="Shanghai_AI_Laboratory",
            )
        )
    ],
    "internlm2_reward",
    get_function=TEXT_MODEL,
    model_arch="internlm2",
    architectures=["InternLM2ForRewardModel"],
    is_reward=True,
    requires=["transformers>=4.38"],
)
