"""InternLM. transformers has no class of these architectures: matched, and refused at loading."""

from swift_lib.model.base import TEXT_MODEL, ModelMeta, model_group

INTERNLM2 = ModelMeta(
    "internlm2",
    [
        model_group(
            [f"internlm/internlm2-{kind}{size}" for size in ("7b", "20b") for kind in ("", "base-", "chat-")]
            + ["internlm/internlm2-1_8b", "internlm/internlm2-chat-1_8b"]
        ),
        model_group([f"internlm/internlm2_5-{size}{kind}" for size in ("1_8b", "7b", "20b") for kind in ("", "-chat")]),
    ],
    "internlm2",
    get_function=TEXT_MODEL,
    model_arch="internlm2",
    architectures=["InternLM2ForCausalLM"],
    requires=["transformers>=4.38"],
)

INTERNLM3 = ModelMeta(
    "internlm3",
    [model_group(["internlm/internlm3-8b-instruct"])],
    "internlm2",
    get_function=TEXT_MODEL,
    model_arch="llama",
    architectures=["InternLM3ForCausalLM"],
    requires=["transformers>=4.48"],
)
