"""ERNIE (Baidu)."""

from swift_lib.model.base import TEXT_MODEL, Model, ModelGroup, ModelMeta, published

ERNIE4_5 = ModelMeta(
    "ernie4_5",
    [
        ModelGroup(
            [
                Model("PaddlePaddle/ERNIE-4.5-0.3B-Base-PT", "baidu/ERNIE-4.5-0.3B-PT"),
                *published("baidu", "ERNIE-4.5-0.3B-PT", ms="PaddlePaddle"),
            ],
            "ernie",
        )
    ],
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Ernie4_5_ForCausalLM"],
)

ERNIE4_5_MOE = ModelMeta(
    "ernie4_5_moe",
    [
        ModelGroup(
            published(
                "baidu",
                """
                ERNIE-4.5-21B-A3B-Base-PT ERNIE-4.5-21B-A3B-PT ERNIE-4.5-300B-A47B-Base-PT ERNIE-4.5-300B-A47B-PT""",
                ms="PaddlePaddle",
            ),
            "ernie",
        ),
        ModelGroup(published("baidu", "ERNIE-4.5-21B-A3B-Thinking", ms="PaddlePaddle"), "ernie_thinking"),
    ],
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["Ernie4_5_MoeForCausalLM"],
)
