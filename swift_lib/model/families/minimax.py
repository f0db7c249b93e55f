"""MiniMax."""

from swift_lib.model.base import TEXT_MODEL, ModelGroup, ModelMeta, published

MINIMAX = ModelMeta(
    "minimax",
    [ModelGroup(published("MiniMaxAI", "MiniMax-Text-01", ms="MiniMax"))],
    "minimax",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["MiniMaxText01ForCausalLM"],
)

MINIMAX_M1 = ModelMeta(
    "minimax_m1",
    [ModelGroup(published("MiniMaxAI", "MiniMax-M1-40k MiniMax-M1-80k", ms="MiniMax"))],
    "minimax_m1",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["MiniMaxM1ForCausalLM"],
)

MINIMAX_M2 = ModelMeta(
    "minimax_m2",
    [
        ModelGroup(published("MiniMaxAI", "MiniMax-M2", ms="MiniMax"), "minimax_m2"),
        ModelGroup(published("MiniMaxAI", "MiniMax-M2.1", ms="MiniMax"), "minimax_m2_1"),
        ModelGroup(published("MiniMaxAI", "MiniMax-M2.5", ms="MiniMax"), "minimax_m2_5"),
        ModelGroup(published("MiniMaxAI", "MiniMax-M2.7", ms="MiniMax"), "minimax_m2_7"),
    ],
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["MiniMaxM2ForCausalLM"],
    requires=["transformers==4.57.1"],
)
