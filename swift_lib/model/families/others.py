"""Vendors with one model type."""

from swift_lib.model.base import TEXT_MODEL, Model, ModelGroup, ModelMeta, published

GROK = ModelMeta(
    "grok",
    [ModelGroup([Model("colossalai/grok-1-pytorch", "hpcai-tech/grok-1")])],
    "default",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Grok1ModelForCausalLM"],
)

POLYLM = ModelMeta(
    "polylm",
    [ModelGroup([Model("damo/nlp_polylm_13b_text_generation", "DAMO-NLP-MT/polylm-13b")])],
    "default",
    get_function=TEXT_MODEL,
    model_arch="qwen",
    architectures=["GPT2LMHeadModel"],
)

YUAN2 = ModelMeta(
    "yuan2",
    [
        ModelGroup(
            [
                Model("IEITYuan/Yuan2.0-2B-hf", "IEITYuan/Yuan2-2B-hf"),
                Model("IEITYuan/Yuan2.0-51B-hf", "IEITYuan/Yuan2-51B-hf"),
                Model("IEITYuan/Yuan2.0-102B-hf", "IEITYuan/Yuan2-102B-hf"),
                *published("IEITYuan", "Yuan2-2B-Janus-hf"),
            ]
        ),
        ModelGroup(published("IEITYuan", "Yuan2-M32-hf")),
    ],
    "yuan",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["YuanForCausalLM"],
)

ORION = ModelMeta(
    "orion",
    [ModelGroup(published("OrionStarAI", "Orion-14B-Chat Orion-14B-Base"))],
    "orion",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["OrionForCausalLM"],
)

DBRX = ModelMeta(
    "dbrx",
    [ModelGroup(published("databricks", "dbrx-base dbrx-instruct", ms="AI-ModelScope"))],
    "dbrx",
    get_function=TEXT_MODEL,
    model_arch="dbrx",
    architectures=["DbrxForCausalLM"],
    requires=["transformers>=4.36"],
)

BLUELM = ModelMeta(
    "bluelm",
    [ModelGroup(published("vivo-ai", "BlueLM-7B-Chat-32K BlueLM-7B-Chat BlueLM-7B-Base-32K BlueLM-7B-Base"))],
    "bluelm",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["BlueLMForCausalLM"],
)

SEGGPT = ModelMeta(
    "seggpt",
    [ModelGroup([Model("damo/nlp_seqgpt-560m", "DAMO-NLP/SeqGPT-560M")])],
    "default",
    get_function=TEXT_MODEL,
    model_arch="bloom",
    architectures=["BloomForCausalLM"],
)

MIMO = ModelMeta(
    "mimo",
    [
        ModelGroup(published("XiaomiMiMo", "MiMo-7B-Base MiMo-7B-SFT MiMo-7B-RL-Zero MiMo-7B-RL"), "qwen"),
        ModelGroup(published("XiaomiMiMo", "MiMo-7B-RL-0530"), "mimo_rl"),
    ],
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["MiMoForCausalLM"],
    requires=["transformers>=4.37"],
)

DOTS1 = ModelMeta(
    "dots1",
    [ModelGroup(published("rednote-hilab", "dots.llm1.base dots.llm1.inst"))],
    "dots1",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Dots1ForCausalLM"],
    requires=["transformers>=4.53"],
)

GPT_OSS = ModelMeta(
    "gpt_oss",
    [ModelGroup(published("openai", "gpt-oss-20b gpt-oss-120b", ms="openai-mirror"))],
    "gpt_oss",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["GptOssForCausalLM"],
    ignore_patterns=["metal/", "original/"],
    requires=["transformers>=4.55"],
)

LONGCHAT = ModelMeta(
    "longchat",
    [ModelGroup(published("meituan-longcat", "LongCat-Flash-Chat LongCat-Flash-Chat-FP8"))],
    "longchat",
    get_function=TEXT_MODEL,
    model_arch="longcat",
    architectures=["LongcatFlashForCausalLM"],
    requires=["transformers>=4.54,<4.56"],
)

IQUESTCODER = ModelMeta(
    "iquestcoder",
    [
        ModelGroup(
            published(
                "IQuestLab",
                """
                IQuest-Coder-V1-40B-Base-Stage1 IQuest-Coder-V1-40B-Base IQuest-Coder-V1-40B-Instruct""",
            )
        )
    ],
    "iquestcoder",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["IQuestCoderForCausalLM"],
    requires=["transformers==4.52.4"],
)

OLMOE = ModelMeta(
    "olmoe",
    [
        ModelGroup(published("allenai", "OLMoE-1B-7B-0125 OLMoE-1B-7B-0125-Instruct"), "olmoe"),
        ModelGroup(
            published("allenai", "OLMoE-1B-7B-0924 OLMoE-1B-7B-0924-Instruct OLMoE-1B-7B-0924-SFT"), "olmoe_0924"
        ),
    ],
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["OlmoeForCausalLM"],
)

MAMBA = ModelMeta(
    "mamba",
    [
        ModelGroup(
            published(
                "state-spaces",
                """
                mamba-130m-hf mamba-370m-hf mamba-390m-hf mamba-790m-hf mamba-1.4b-hf mamba-2.8b-hf""",
                ms="AI-ModelScope",
            )
        )
    ],
    "default",
    get_function=TEXT_MODEL,
    model_arch="mamba",
    architectures=["MambaForCausalLM"],
    requires=["transformers>=4.39.0"],
)

NEMOTRON_H = ModelMeta(
    "nemotron_h",
    [
        ModelGroup(
            published(
                "nvidia",
                """
                NVIDIA-Nemotron-3.5-Lightning-30B-A3B-BF16 NVIDIA-Nemotron-3.5-Lightning-30B-A3B-NVFP4""",
                ms="nv-community",
            )
        )
    ],
    "nemotron_h",
    get_function=TEXT_MODEL,
    model_arch="nemotron_h",
    architectures=["NemotronHForCausalLM"],
    requires=["transformers>=5.0", "mamba-ssm", "causal-conv1d>=1.2.0"],
)

SEED_OSS = ModelMeta(
    "seed_oss",
    [ModelGroup(published("ByteDance-Seed", "Seed-OSS-36B-Instruct Seed-OSS-36B-Base Seed-OSS-36B-Base-woSyn"))],
    "seed_oss",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["SeedOssForCausalLM"],
    requires=["transformers>=4.56"],
)

SKYWORK = ModelMeta(
    "skywork",
    [ModelGroup([*published("skywork", "Skywork-13B-base"), *published(None, "Skywork-13B-chat", ms="skywork")])],
    "skywork",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["SkyworkForCausalLM"],
)

SPARK2_5 = ModelMeta(
    "spark2_5",
    [
        ModelGroup(
            published(None, "Spark-X2.5-1.7B-Base Spark-X2.5-1.7B Spark-X2.5-4B-Base Spark-X2.5-4B", ms="XHToken")
        )
    ],
    "spark2_5",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Spark2_5ForCausalLM"],
    requires=["transformers>=4.57"],
)

XING4_0 = ModelMeta(
    "xing4_0",
    [ModelGroup(published("XingChen-AGI", "Xing4.0-29B-A4B"))],
    "xing4_0",
    get_function=TEXT_MODEL,
    model_arch="deepseek_v2",
    architectures=["Xing4_0ForCausalLM"],
    requires=["transformers>=5.14"],
)
