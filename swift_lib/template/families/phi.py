"""Phi."""

from swift_lib.template.base import TemplateMeta

PHI3 = TemplateMeta(
    "phi3",
    prefix=[],
    prompt=["<|user|>\n{{QUERY}}<|end|>\n<|assistant|>\n"],
    chat_sep=["<|end|>\n"],
    suffix=["<|end|>"],
    system_prefix=["<|system|>\n{{SYSTEM}}<|end|>\n"],
    auto_add_bos=True,
)

PHI4 = TemplateMeta(
    "phi4",
    prefix=[],
    prompt=["<|im_start|>user<|im_sep|>{{QUERY}}<|im_end|><|im_start|>assistant<|im_sep|>"],
    chat_sep=["<|im_end|>"],
    suffix=["<|im_end|>"],
    system_prefix=["<|im_start|>system<|im_sep|>{{SYSTEM}}<|im_end|>"],
    auto_add_bos=True,
)
