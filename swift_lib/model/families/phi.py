"""Phi."""

from swift_lib.model.base import TEXT_MODEL, ModelMeta, model_group

PHI3 = ModelMeta(
    "phi3",
    [
        model_group(
            [f"microsoft/Phi-3-{size}-{length}-instruct" for size in ("mini", "medium") for length in ("4k", "128k")]
            + ["microsoft/Phi-3.5-mini-instruct"]
        ),
        model_group(["microsoft/Phi-4-mini-instruct"]),
    ],
    "phi3",
    get_function=TEXT_MODEL,
    model_arch="phi3",
    architectures=["Phi3ForCausalLM"],
    requires=["transformers>=4.36"],
)

PHI4 = ModelMeta(
    "phi4",
    [model_group(["microsoft/phi-4"])],
    "phi4",
    get_function=TEXT_MODEL,
    model_arch="phi3",
    architectures=["Phi3ForCausalLM"],
    requires=["transformers>=4.36"],
)
