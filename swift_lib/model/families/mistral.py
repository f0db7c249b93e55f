"""Mistral, and what others made of its weights."""

from swift_lib.model.base import TEXT_MODEL, ModelGroup, ModelMeta, published

MISTRAL = ModelMeta(
    "mistral",
    [
        ModelGroup(
            [
                *published("mistralai", "Mistral-7B-Instruct-v0.1 Mistral-7B-Instruct-v0.2", ms="AI-ModelScope"),
                *published("mistralai", "Mistral-7B-Instruct-v0.3", ms="LLM-Research"),
                *published("mistralai", "Mistral-7B-v0.1", ms="AI-ModelScope"),
                *published("alpindale", "Mistral-7B-v0.2-hf", ms="AI-ModelScope"),
            ]
        ),
        ModelGroup(published("mistralai", "Codestral-22B-v0.1", ms="swift")),
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
        ModelGroup(
            [
                *published("mistralai", "Mixtral-8x7B-Instruct-v0.1 Mixtral-8x7B-v0.1", ms="AI-ModelScope"),
                *published("mistral-community", "Mixtral-8x22B-v0.1", ms="AI-ModelScope"),
            ],
            requires=["transformers>=4.36"],
        ),
        ModelGroup(
            published("ISTA-DASLab", "Mixtral-8x7b-AQLM-2Bit-1x16-hf", ms="AI-ModelScope"),
            requires=["transformers>=4.38", "aqlm", "torch>=2.2.0"],
        ),
    ],
    "llama",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["MixtralForCausalLM"],
)

MISTRAL_NEMO = ModelMeta(
    "mistral_nemo",
    [
        ModelGroup(
            published("mistralai", "Mistral-Nemo-Base-2407 Mistral-Nemo-Instruct-2407", ms="AI-ModelScope"),
            requires=["transformers>=4.43"],
        ),
        ModelGroup(
            [
                *published("mistralai", "Mistral-Small-Instruct-2409", ms="AI-ModelScope"),
                *published("mistralai", "Mistral-Large-Instruct-2407", ms="LLM-Research"),
            ],
            "mistral_v3",
            requires=["transformers>=4.43"],
        ),
        ModelGroup(
            published("mistralai", "Ministral-8B-Instruct-2410", ms="AI-ModelScope"), requires=["transformers>=4.46"]
        ),
    ],
    "mistral_nemo",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["MistralForCausalLM"],
)

MISTRAL_2501 = ModelMeta(
    "mistral_2501",
    [ModelGroup(published("mistralai", "Mistral-Small-24B-Base-2501 Mistral-Small-24B-Instruct-2501"))],
    "mistral_2501",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["MistralForCausalLM"],
)

DEVSTRAL = ModelMeta(
    "devstral",
    [
        ModelGroup(
            published("mistralai", "Devstral-Small-2505"), requires=["transformers>=4.43", "mistral-common>=1.5.5"]
        )
    ],
    "devstral",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["MistralForCausalLM"],
)

ZEPHYR = ModelMeta(
    "zephyr",
    [ModelGroup(published("HuggingFaceH4", "zephyr-7b-beta", ms="modelscope"))],
    "zephyr",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["MistralForCausalLM"],
    requires=["transformers>=4.34"],
)

WIZARDLM2 = ModelMeta(
    "wizardlm2",
    [ModelGroup(published("MaziyarPanahi", "WizardLM-2-7B-AWQ", ms="AI-ModelScope"))],
    "wizardlm2",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["MistralForCausalLM"],
    requires=["transformers>=4.34"],
)

WIZARDLM2_MOE = ModelMeta(
    "wizardlm2_moe",
    [ModelGroup(published("alpindale", "WizardLM-2-8x22B", ms="AI-ModelScope"))],
    "wizardlm2_moe",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["MixtralForCausalLM"],
    requires=["transformers>=4.36"],
)
