"""Mistral."""

from swift_lib.model.base import TEXT_MODEL, ModelMeta, model_group

MISTRAL = ModelMeta(
    "mistral",
    [
        model_group(
            ["mistralai/Mistral-7B-v0.1", "mistralai/Mistral-7B-v0.3"]
            + [f"mistralai/Mistral-7B-Instruct-v0.{version}" for version in (1, 2, 3)]
        ),
        model_group(["mistralai/Codestral-22B-v0.1"], tags=["coding"]),
    ],
    "llama",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["MistralForCausalLM"],
    requires=["transformers>=4.34"],
)

MIXTRAL = ModelMeta(
    "mixtral",
    [
        model_group(
            [f"mistralai/Mixtral-8x{size}-{kind}v0.1" for size in ("7B", "22B") for kind in ("", "Instruct-")],
            requires=["transformers>=4.36"],
        )
    ],
    "llama",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["MixtralForCausalLM"],
)

MISTRAL_NEMO = ModelMeta(
    "mistral_nemo",
    [
        model_group(
            ["mistralai/Mistral-Nemo-Base-2407", "mistralai/Mistral-Nemo-Instruct-2407"],
            requires=["transformers>=4.43"],
        ),
        model_group(
            ["mistralai/Mistral-Large-Instruct-2407", "mistralai/Mistral-Small-Instruct-2409"],
            "mistral_v3",
            requires=["transformers>=4.43"],
        ),
        model_group(["mistralai/Ministral-8B-Instruct-2410"], requires=["transformers>=4.46"]),
    ],
    "mistral_nemo",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["MistralForCausalLM"],
)

MISTRAL_2501 = ModelMeta(
    "mistral_2501",
    [model_group(["mistralai/Mistral-Small-24B-Base-2501", "mistralai/Mistral-Small-24B-Instruct-2501"])],
    "mistral_2501",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["MistralForCausalLM"],
)
