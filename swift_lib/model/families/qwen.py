"""Qwen."""

from swift_lib.model.base import TEXT_MODEL, ModelMeta, model_group


def _sizes(pattern: str, sizes: str, endings: str = "") -> list[str]:
    """Ids of one series: `pattern` with each size put in, and each ending after it."""
    return [
        f"Qwen/{pattern.format(size)}{ending}"
        for ending in (endings.split(",") if endings else [""])
        for size in sizes.split()
    ]


_QUANTISED = "-GPTQ-Int4,-GPTQ-Int8,-AWQ"

QWEN2 = ModelMeta(
    "qwen2",
    [
        model_group(_sizes("Qwen1.5-{}", "0.5B 1.8B 4B 7B 14B 32B 72B 110B", ",-Chat"), "qwen"),
        model_group(_sizes("Qwen1.5-{}-Chat", "0.5B 1.8B 4B 7B 14B 72B", _QUANTISED), "qwen"),
        model_group(["Qwen/CodeQwen1.5-7B", "Qwen/CodeQwen1.5-7B-Chat"], "qwen", tags=["coding"]),
        model_group(_sizes("Qwen2-{}", "0.5B 1.5B 7B 72B", ",-Instruct"), "qwen"),
        model_group(_sizes("Qwen2-{}-Instruct", "0.5B 1.5B 7B 72B", _QUANTISED), "qwen"),
        model_group(_sizes("Qwen2-Math-{}", "1.5B 7B 72B", ",-Instruct"), "qwen", tags=["math"]),
        model_group(_sizes("Qwen2.5-{}-Instruct-1M", "7B 14B"), "qwen"),
        model_group(_sizes("Qwen2.5-{}", "0.5B 1.5B 3B 7B 14B 32B 72B", ",-Instruct"), "qwen2_5"),
        model_group(_sizes("Qwen2.5-{}-Instruct", "0.5B 1.5B 3B 7B 14B 32B 72B", _QUANTISED), "qwen2_5"),
        model_group(_sizes("Qwen2.5-Coder-{}", "0.5B 1.5B 3B 7B 14B 32B", ",-Instruct"), "qwen2_5", tags=["coding"]),
        model_group(
            [f"deepseek-ai/DeepSeek-R1-Distill-Qwen-{size}" for size in ("1.5B", "7B", "14B", "32B")], "deepseek_r1"
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
        model_group(["Qwen/Qwen1.5-MoE-A2.7B", "Qwen/Qwen1.5-MoE-A2.7B-Chat"]),
        model_group(["Qwen/Qwen2-57B-A14B", "Qwen/Qwen2-57B-A14B-Instruct"]),
    ],
    "qwen",
    get_function=TEXT_MODEL,
    architectures=["Qwen2MoeForCausalLM"],
    requires=["transformers>=4.40"],
)

QWEN3 = ModelMeta(
    "qwen3",
    [
        model_group(_sizes("Qwen3-{}", "0.6B 1.7B 4B 8B 14B", ",-Base"), "qwen3"),
        model_group(_sizes("Qwen3-{}", "0.6B 1.7B 4B 8B 14B 32B", "-FP8,-AWQ"), "qwen3"),
        model_group(["Qwen/Qwen3-32B"], "qwen3"),
        model_group(["deepseek-ai/DeepSeek-R1-0528-Qwen3-8B"], "deepseek_r1"),
        model_group(["Qwen/Qwen3-4B-Thinking-2507", "Qwen/Qwen3-4B-Thinking-2507-FP8"], "qwen3_thinking"),
        model_group(["Qwen/Qwen3-4B-Instruct-2507", "Qwen/Qwen3-4B-Instruct-2507-FP8"], "qwen3_nothinking"),
    ],
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Qwen3ForCausalLM"],
    requires=["transformers>=4.51"],
)

QWEN3_MOE = ModelMeta(
    "qwen3_moe",
    [
        model_group(["Qwen/Qwen3-30B-A3B-Base", *_sizes("Qwen3-{}", "30B-A3B 235B-A22B", ",-FP8")], "qwen3"),
        model_group(_sizes("Qwen3-{}-Instruct-2507", "30B-A3B 235B-A22B", ",-FP8"), "qwen3_nothinking"),
        model_group(_sizes("Qwen3-{}-Thinking-2507", "30B-A3B 235B-A22B", ",-FP8"), "qwen3_thinking"),
    ],
    get_function=TEXT_MODEL,
    architectures=["Qwen3MoeForCausalLM"],
    requires=["transformers>=4.51"],
)
