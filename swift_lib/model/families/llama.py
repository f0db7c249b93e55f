"""Llama, and models of other makers that share its architecture and one of our templates."""

from swift_lib.model.base import TEXT_MODEL, ModelMeta, model_group

LLAMA = ModelMeta(
    "llama",
    [
        model_group(
            [f"meta-llama/Llama-2-{size}{kind}-hf" for kind in ("", "-chat") for size in ("7b", "13b", "70b")], "llama"
        ),
        model_group(
            [f"meta-llama/Meta-Llama-3-{size}{kind}" for kind in ("", "-Instruct") for size in ("8B", "70B")], "llama3"
        ),
        model_group(
            [
                f"meta-llama/{brand}Llama-3.1-{size}{kind}"
                for brand in ("", "Meta-")
                for kind in ("", "-Instruct")
                for size in ("8B", "70B", "405B")
            ],
            "llama3_2",
            requires=["transformers>=4.43"],
        ),
        model_group(
            [f"meta-llama/Llama-3.2-{size}{kind}" for kind in ("", "-Instruct") for size in ("1B", "3B")],
            "llama3_2",
            requires=["transformers>=4.45"],
        ),
        model_group(["meta-llama/Llama-3.3-70B-Instruct"], "llama3_2", requires=["transformers>=4.45"]),
        model_group(
            [f"deepseek-ai/deepseek-llm-{size}-{kind}" for size in ("7b", "67b") for kind in ("base", "chat")],
            "deepseek",
        ),
        model_group(
            [f"deepseek-ai/deepseek-math-7b-{kind}" for kind in ("base", "instruct", "rl")], "deepseek", tags=["math"]
        ),
        model_group(
            [
                f"deepseek-ai/deepseek-coder-{size}-{kind}"
                for size in ("1.3b", "6.7b", "33b")
                for kind in ("base", "instruct")
            ],
            "deepseek",
            tags=["coding"],
        ),
        model_group([f"deepseek-ai/DeepSeek-R1-Distill-Llama-{size}" for size in ("8B", "70B")], "deepseek_r1"),
    ],
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["LlamaForCausalLM"],
)
