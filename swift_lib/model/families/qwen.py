"""Qwen (Alibaba), and what others made of its weights."""

from swift_lib.model.base import TEXT_MODEL, Model, ModelGroup, ModelMeta, published

QWEN = ModelMeta(
    "qwen",
    [
        ModelGroup(
            published(
                "Qwen",
                """
                Qwen-1_8B-Chat Qwen-7B-Chat Qwen-14B-Chat Qwen-72B-Chat Qwen-1_8B Qwen-7B Qwen-14B Qwen-72B
                Qwen-1_8B-Chat-Int4 Qwen-7B-Chat-Int4 Qwen-14B-Chat-Int4 Qwen-72B-Chat-Int4 Qwen-1_8B-Chat-Int8
                Qwen-7B-Chat-Int8 Qwen-14B-Chat-Int8 Qwen-72B-Chat-Int8""",
            )
        ),
        ModelGroup(
            [
                *published("jxy", "Tongyi-Finance-14B-Chat", ms="TongyiFinance"),
                *published(None, "Tongyi-Finance-14B", ms="TongyiFinance"),
                *published("jxy", "Tongyi-Finance-14B-Chat-Int4", ms="TongyiFinance"),
            ],
            tags=["financial"],
        ),
    ],
    "qwen",
    get_function=TEXT_MODEL,
    model_arch="qwen",
    architectures=["QWenLMHeadModel"],
)

QWEN2 = ModelMeta(
    "qwen2",
    [
        ModelGroup(
            published(
                "Qwen",
                """
                Qwen1.5-0.5B-Chat Qwen1.5-1.8B-Chat Qwen1.5-4B-Chat Qwen1.5-7B-Chat Qwen1.5-14B-Chat Qwen1.5-32B-Chat
                Qwen1.5-72B-Chat Qwen1.5-110B-Chat Qwen1.5-0.5B Qwen1.5-1.8B Qwen1.5-4B Qwen1.5-7B Qwen1.5-14B
                Qwen1.5-32B Qwen1.5-72B Qwen1.5-110B Qwen1.5-0.5B-Chat-GPTQ-Int4 Qwen1.5-1.8B-Chat-GPTQ-Int4
                Qwen1.5-4B-Chat-GPTQ-Int4 Qwen1.5-7B-Chat-GPTQ-Int4 Qwen1.5-14B-Chat-GPTQ-Int4
                Qwen1.5-32B-Chat-GPTQ-Int4 Qwen1.5-72B-Chat-GPTQ-Int4 Qwen1.5-110B-Chat-GPTQ-Int4
                Qwen1.5-0.5B-Chat-GPTQ-Int8 Qwen1.5-1.8B-Chat-GPTQ-Int8 Qwen1.5-4B-Chat-GPTQ-Int8
                Qwen1.5-7B-Chat-GPTQ-Int8 Qwen1.5-14B-Chat-GPTQ-Int8 Qwen1.5-72B-Chat-GPTQ-Int8 Qwen1.5-0.5B-Chat-AWQ
                Qwen1.5-1.8B-Chat-AWQ Qwen1.5-4B-Chat-AWQ Qwen1.5-7B-Chat-AWQ Qwen1.5-14B-Chat-AWQ Qwen1.5-32B-Chat-AWQ
                Qwen1.5-72B-Chat-AWQ Qwen1.5-110B-Chat-AWQ""",
            ),
            "qwen",
        ),
        ModelGroup(
            published("Qwen", "CodeQwen1.5-7B CodeQwen1.5-7B-Chat CodeQwen1.5-7B-Chat-AWQ"), "qwen", tags=["coding"]
        ),
        ModelGroup(
            published(
                "Qwen",
                """
                Qwen2-0.5B-Instruct Qwen2-1.5B-Instruct Qwen2-7B-Instruct Qwen2-72B-Instruct Qwen2-0.5B Qwen2-1.5B
                Qwen2-7B Qwen2-72B Qwen2-0.5B-Instruct-GPTQ-Int4 Qwen2-1.5B-Instruct-GPTQ-Int4
                Qwen2-7B-Instruct-GPTQ-Int4 Qwen2-72B-Instruct-GPTQ-Int4 Qwen2-0.5B-Instruct-GPTQ-Int8
                Qwen2-1.5B-Instruct-GPTQ-Int8 Qwen2-7B-Instruct-GPTQ-Int8 Qwen2-72B-Instruct-GPTQ-Int8
                Qwen2-0.5B-Instruct-AWQ Qwen2-1.5B-Instruct-AWQ Qwen2-7B-Instruct-AWQ Qwen2-72B-Instruct-AWQ""",
            ),
            "qwen",
        ),
        ModelGroup(
            published(
                "Qwen",
                """
                Qwen2-Math-1.5B-Instruct Qwen2-Math-7B-Instruct Qwen2-Math-72B-Instruct Qwen2-Math-1.5B Qwen2-Math-7B
                Qwen2-Math-72B""",
            ),
            "qwen",
            tags=["math"],
        ),
        ModelGroup(published("Qwen", "Qwen2.5-7B-Instruct-1M Qwen2.5-14B-Instruct-1M"), "qwen"),
        ModelGroup(published("PowerInfer", "SmallThinker-3B-Preview"), "qwen"),
        ModelGroup(
            published(
                "Qwen",
                """
                Qwen2.5-0.5B-Instruct Qwen2.5-1.5B-Instruct Qwen2.5-3B-Instruct Qwen2.5-7B-Instruct Qwen2.5-14B-Instruct
                Qwen2.5-32B-Instruct Qwen2.5-72B-Instruct Qwen2.5-0.5B Qwen2.5-1.5B Qwen2.5-3B Qwen2.5-7B Qwen2.5-14B
                Qwen2.5-32B Qwen2.5-72B Qwen2.5-0.5B-Instruct-GPTQ-Int4 Qwen2.5-1.5B-Instruct-GPTQ-Int4
                Qwen2.5-3B-Instruct-GPTQ-Int4 Qwen2.5-7B-Instruct-GPTQ-Int4 Qwen2.5-14B-Instruct-GPTQ-Int4
                Qwen2.5-32B-Instruct-GPTQ-Int4 Qwen2.5-72B-Instruct-GPTQ-Int4 Qwen2.5-0.5B-Instruct-GPTQ-Int8
                Qwen2.5-1.5B-Instruct-GPTQ-Int8 Qwen2.5-3B-Instruct-GPTQ-Int8 Qwen2.5-7B-Instruct-GPTQ-Int8
                Qwen2.5-14B-Instruct-GPTQ-Int8 Qwen2.5-32B-Instruct-GPTQ-Int8 Qwen2.5-72B-Instruct-GPTQ-Int8
                Qwen2.5-0.5B-Instruct-AWQ Qwen2.5-1.5B-Instruct-AWQ Qwen2.5-3B-Instruct-AWQ Qwen2.5-7B-Instruct-AWQ
                Qwen2.5-14B-Instruct-AWQ Qwen2.5-32B-Instruct-AWQ Qwen2.5-72B-Instruct-AWQ""",
            ),
            "qwen2_5",
        ),
        ModelGroup(
            published(
                "Qwen",
                """
                Qwen2.5-Coder-0.5B-Instruct Qwen2.5-Coder-1.5B-Instruct Qwen2.5-Coder-3B-Instruct
                Qwen2.5-Coder-7B-Instruct Qwen2.5-Coder-14B-Instruct Qwen2.5-Coder-32B-Instruct Qwen2.5-Coder-0.5B
                Qwen2.5-Coder-1.5B Qwen2.5-Coder-3B Qwen2.5-Coder-7B Qwen2.5-Coder-14B Qwen2.5-Coder-32B
                Qwen2.5-Coder-0.5B-Instruct-AWQ Qwen2.5-Coder-1.5B-Instruct-AWQ Qwen2.5-Coder-3B-Instruct-AWQ
                Qwen2.5-Coder-7B-Instruct-AWQ Qwen2.5-Coder-14B-Instruct-AWQ Qwen2.5-Coder-32B-Instruct-AWQ
                Qwen2.5-Coder-0.5B-Instruct-GPTQ-Int4 Qwen2.5-Coder-0.5B-Instruct-GPTQ-Int8
                Qwen2.5-Coder-1.5B-Instruct-GPTQ-Int4 Qwen2.5-Coder-1.5B-Instruct-GPTQ-Int8
                Qwen2.5-Coder-3B-Instruct-GPTQ-Int4 Qwen2.5-Coder-3B-Instruct-GPTQ-Int8
                Qwen2.5-Coder-7B-Instruct-GPTQ-Int4 Qwen2.5-Coder-7B-Instruct-GPTQ-Int8
                Qwen2.5-Coder-14B-Instruct-GPTQ-Int4 Qwen2.5-Coder-14B-Instruct-GPTQ-Int8
                Qwen2.5-Coder-32B-Instruct-GPTQ-Int4 Qwen2.5-Coder-32B-Instruct-GPTQ-Int8""",
            ),
            "qwen2_5",
            tags=["coding"],
        ),
        ModelGroup(published("moonshotai", "Kimi-Dev-72B"), "qwen2_5"),
        ModelGroup(
            published(
                "Qwen",
                """
                Qwen2.5-Math-1.5B-Instruct Qwen2.5-Math-7B-Instruct Qwen2.5-Math-72B-Instruct Qwen2.5-Math-1.5B
                Qwen2.5-Math-7B Qwen2.5-Math-72B""",
            ),
            "qwen2_5_math",
            tags=["math"],
        ),
        ModelGroup(published("AIDC-AI", "Marco-o1"), "marco_o1"),
        ModelGroup(published("Qwen", "QwQ-32B-Preview"), "qwq_preview"),
        ModelGroup(published("Qwen", "QwQ-32B QwQ-32B-AWQ"), "qwq"),
        ModelGroup(
            [
                *published(
                    "deepseek-ai",
                    """
                DeepSeek-R1-Distill-Qwen-1.5B DeepSeek-R1-Distill-Qwen-7B DeepSeek-R1-Distill-Qwen-14B
                DeepSeek-R1-Distill-Qwen-32B""",
                ),
                *published("Tongyi-Zhiwen", "QwenLong-L1-32B", ms="iic"),
            ],
            "deepseek_r1",
        ),
    ],
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Qwen2ForCausalLM"],
    requires=["transformers>=4.37"],
)

QWEN2_MOE = ModelMeta(
    "qwen2_moe",
    [
        ModelGroup(
            published(
                "Qwen",
                """
                Qwen1.5-MoE-A2.7B-Chat Qwen1.5-MoE-A2.7B Qwen1.5-MoE-A2.7B-Chat-GPTQ-Int4""",
            )
        ),
        ModelGroup(
            published(
                "Qwen",
                """
                Qwen2-57B-A14B-Instruct Qwen2-57B-A14B Qwen2-57B-A14B-Instruct-GPTQ-Int4""",
            )
        ),
    ],
    "qwen",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Qwen2MoeForCausalLM"],
    requires=["transformers>=4.40"],
)

QWEN3 = ModelMeta(
    "qwen3",
    [
        ModelGroup(
            [
                *published(
                    "Qwen",
                    """
                Qwen3-0.6B-Base Qwen3-1.7B-Base Qwen3-4B-Base Qwen3-8B-Base Qwen3-14B-Base Qwen3-0.6B Qwen3-1.7B
                Qwen3-4B Qwen3-8B Qwen3-14B Qwen3-32B Qwen3-0.6B-FP8 Qwen3-1.7B-FP8 Qwen3-4B-FP8 Qwen3-8B-FP8
                Qwen3-14B-FP8 Qwen3-32B-FP8 Qwen3-4B-AWQ Qwen3-8B-AWQ Qwen3-14B-AWQ Qwen3-32B-AWQ""",
                ),
                *published(None, "Qwen3-32B-AWQ", ms="swift"),
            ],
            "qwen3",
        ),
        ModelGroup(published("deepseek-ai", "DeepSeek-R1-0528-Qwen3-8B"), "deepseek_r1"),
        ModelGroup(published("Qwen", "Qwen3Guard-Gen-0.6B Qwen3Guard-Gen-4B Qwen3Guard-Gen-8B"), "qwen3_guard"),
        ModelGroup(published("Alibaba-AAIG", "YuFeng-XGuard-Reason-0.6B YuFeng-XGuard-Reason-8B"), "yufeng_xguard"),
        ModelGroup(published("Qwen", "Qwen3-4B-Thinking-2507 Qwen3-4B-Thinking-2507-FP8"), "qwen3_thinking"),
        ModelGroup(published("Qwen", "Qwen3-4B-Instruct-2507 Qwen3-4B-Instruct-2507-FP8"), "qwen3_nothinking"),
    ],
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Qwen3ForCausalLM"],
    requires=["transformers>=4.51"],
)

QWEN3_MOE = ModelMeta(
    "qwen3_moe",
    [
        ModelGroup(
            [
                *published(
                    "Qwen",
                    """
                Qwen3-30B-A3B-Base Qwen3-30B-A3B Qwen3-235B-A22B Qwen3-30B-A3B-FP8 Qwen3-235B-A22B-FP8""",
                ),
                *published("cognitivecomputations", "Qwen3-30B-A3B-AWQ Qwen3-235B-A22B-AWQ", ms="swift"),
            ],
            "qwen3",
        ),
        ModelGroup(published("Alibaba-NLP", "Tongyi-DeepResearch-30B-A3B", ms="iic"), "qwen3"),
        ModelGroup(
            [
                *published(
                    "Qwen",
                    """
                Qwen3-30B-A3B-Instruct-2507 Qwen3-30B-A3B-Instruct-2507-FP8 Qwen3-235B-A22B-Instruct-2507
                Qwen3-235B-A22B-Instruct-2507-FP8""",
                ),
                *published(None, "Qwen3-235B-A22B-Instruct-2507-AWQ", ms="swift"),
            ],
            "qwen3_nothinking",
        ),
        ModelGroup(
            [
                *published(
                    "Qwen",
                    """
                Qwen3-Coder-30B-A3B-Instruct Qwen3-Coder-30B-A3B-Instruct-FP8 Qwen3-Coder-480B-A35B-Instruct
                Qwen3-Coder-480B-A35B-Instruct-FP8""",
                ),
                *published(None, "Qwen3-Coder-480B-A35B-Instruct-AWQ", ms="swift"),
            ],
            "qwen3_coder",
            tags=["coding"],
        ),
        ModelGroup(published("Tongyi-Zhiwen", "QwenLong-L1.5-30B-A3B", ms="iic"), "qwen3_thinking"),
        ModelGroup(
            [
                *published(
                    "Qwen",
                    """
                Qwen3-30B-A3B-Thinking-2507 Qwen3-30B-A3B-Thinking-2507-FP8 Qwen3-235B-A22B-Thinking-2507
                Qwen3-235B-A22B-Thinking-2507-FP8""",
                ),
                *published(None, "Qwen3-235B-A22B-Thinking-2507-AWQ", ms="swift"),
            ],
            "qwen3_thinking",
        ),
        ModelGroup(
            published(
                "AIDC-AI",
                """
                Marco-Nano-Base Marco-Nano-Instruct Marco-Mini-Base Marco-Mini-Instruct Marco-Mini-Global-Base""",
            ),
            "qwen3_nothinking",
        ),
    ],
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Qwen3MoeForCausalLM"],
    requires=["transformers>=4.51"],
)

QWEN3_NEXT = ModelMeta(
    "qwen3_next",
    [
        ModelGroup(
            published(None, "Qwen3-Next-80B-A3B-Instruct Qwen3-Next-80B-A3B-Instruct-FP8", ms="Qwen"),
            "qwen3_nothinking",
        ),
        ModelGroup(
            published(None, "Qwen3-Next-80B-A3B-Thinking Qwen3-Next-80B-A3B-Thinking-FP8", ms="Qwen"), "qwen3_thinking"
        ),
        ModelGroup(published("Qwen", "Qwen3-Coder-Next-Base Qwen3-Coder-Next Qwen3-Coder-Next-FP8"), "qwen3_coder"),
    ],
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Qwen3NextForCausalLM"],
    requires=["transformers>=4.57"],
)

QWEN2_REWARD = ModelMeta(
    "qwen2_reward",
    [
        ModelGroup(published("Qwen", "Qwen2-Math-RM-72B"), "qwen"),
        ModelGroup(published("Qwen", "Qwen2.5-Math-RM-72B"), "qwen2_5_math"),
    ],
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Qwen2ForRewardModel"],
    is_reward=True,
    requires=["transformers>=4.37"],
)

QWEN2_5_PRM = ModelMeta(
    "qwen2_5_prm",
    [ModelGroup(published("Qwen", "Qwen2.5-Math-PRM-7B Qwen2.5-Math-7B-PRM800K Qwen2.5-Math-PRM-72B"))],
    "qwen2_5_math_prm",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Qwen2ForProcessRewardModel"],
    is_reward=True,
    task_type="prm",
    requires=["transformers>=4.37"],
)

QWEN3_EMB = ModelMeta(
    "qwen3_emb",
    [ModelGroup(published("Qwen", "Qwen3-Embedding-0.6B Qwen3-Embedding-4B Qwen3-Embedding-8B"))],
    "qwen3_emb",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Qwen3ForCausalLM"],
    additional_saved_files=["config_sentence_transformers.json", "1_Pooling", "modules.json"],
    task_type="embedding",
)

QWEN3_RERANKER = ModelMeta(
    "qwen3_reranker",
    [ModelGroup(published("Qwen", "Qwen3-Reranker-0.6B Qwen3-Reranker-4B Qwen3-Reranker-8B"))],
    "qwen3_reranker",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Qwen3ForCausalLM"],
    task_type="generative_reranker",
)

QWEN2_GTE = ModelMeta(
    "qwen2_gte",
    [
        ModelGroup(
            [
                Model("iic/gte_Qwen2-1.5B-instruct", "Alibaba-NLP/gte-Qwen2-1.5B-instruct"),
                Model("iic/gte_Qwen2-7B-instruct", "Alibaba-NLP/gte-Qwen2-7B-instruct"),
            ]
        )
    ],
    "dummy",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Qwen2ForCausalLM"],
    task_type="embedding",
)

MODELSCOPE_AGENT = ModelMeta(
    "modelscope_agent",
    [ModelGroup(published(None, "ModelScope-Agent-7B ModelScope-Agent-14B", ms="iic"))],
    "modelscope_agent",
    get_function=TEXT_MODEL,
    model_arch="qwen",
    architectures=["QWenLMHeadModel"],
)
