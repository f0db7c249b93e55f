"""OpenBuddy."""

from swift_lib.model.base import TEXT_MODEL, ModelGroup, ModelMeta, published

OPENBUDDY_LLAMA = ModelMeta(
    "openbuddy_llama",
    [
        ModelGroup(published("OpenBuddy", "openbuddy-llama-65b-v8-bf16"), "openbuddy"),
        ModelGroup(
            published("OpenBuddy", "openbuddy-llama2-13b-v8.1-fp16 openbuddy-llama2-70b-v10.1-bf16"), "openbuddy"
        ),
        ModelGroup(published("OpenBuddy", "openbuddy-deepseek-67b-v15.2"), "openbuddy"),
        ModelGroup(
            published(
                "OpenBuddy",
                """
                openbuddy-llama3-8b-v21.1-8k openbuddy-llama3-70b-v21.1-8k openbuddy-yi1.5-34b-v21.3-32k""",
            ),
            "openbuddy2",
        ),
        ModelGroup(
            published("OpenBuddy", "openbuddy-llama3.1-8b-v22.1-131k openbuddy-nemotron-70b-v23.2-131k"),
            "openbuddy2",
            requires=["transformers>=4.43"],
        ),
        ModelGroup(
            published("OpenBuddy", "openbuddy-llama3.3-70b-v24.3-131k"), "openbuddy2", requires=["transformers>=4.45"]
        ),
    ],
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["LlamaForCausalLM"],
)

OPENBUDDY_MISTRAL = ModelMeta(
    "openbuddy_mistral",
    [
        ModelGroup(published("OpenBuddy", "openbuddy-mistral-7b-v17.1-32k")),
        ModelGroup(published("OpenBuddy", "openbuddy-zephyr-7b-v14.1")),
    ],
    "openbuddy",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["MistralForCausalLM"],
    requires=["transformers>=4.34"],
)

OPENBUDDY_MIXTRAL = ModelMeta(
    "openbuddy_mixtral",
    [ModelGroup(published("OpenBuddy", "openbuddy-mixtral-7bx8-v18.1-32k"))],
    "openbuddy",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["MixtralForCausalLM"],
    requires=["transformers>=4.36"],
)
