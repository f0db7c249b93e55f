"""Llama."""

from datetime import date

from swift_lib.template.base import TemplateMeta

# Llama 2's published system prompt.
_LLAMA2_SYSTEM = (
    "You are a helpful, respectful and honest assistant. Always answer as helpfully as possible, while being safe. "
    "Your answers should not include any harmful, unethical, racist, sexist, toxic, dangerous, or illegal content. "
    "Please ensure that your responses are socially unbiased and positive in nature.\n\n"
    "If a question does not make any sense, or is not factually coherent, explain why instead of answering something "
    "not correct. If you don't know the answer to a question, please don't share false information."
)

LLAMA = TemplateMeta(
    "llama",
    prefix=["<s>[INST] "],
    prompt=["{{QUERY}} [/INST]"],
    chat_sep=["</s><s>[INST] "],
    suffix=["</s>"],
    system_prefix=["<s>[INST] <<SYS>>\n{{SYSTEM}}\n<</SYS>>\n\n"],
    default_system=_LLAMA2_SYSTEM,
)


def _llama3(template_type: str, prefix: str, system_prefix: str) -> TemplateMeta:
    return TemplateMeta(
        template_type,
        prefix=[prefix],
        prompt=[
            "<|start_header_id|>user<|end_header_id|>\n\n{{QUERY}}<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n"
        ],
        chat_sep=["<|eot_id|>"],
        suffix=["<|eot_id|>"],
        system_prefix=[system_prefix],
        agent_template="llama3",
    )


LLAMA3 = _llama3(
    "llama3",
    "<|begin_of_text|>",
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n{{SYSTEM}}<|eot_id|>",
)

_DATED_SYSTEM = (
    "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
    f"Today Date: {date.today():%d %b %Y}\n\n"
)
LLAMA3_2 = _llama3("llama3_2", _DATED_SYSTEM + "<|eot_id|>", _DATED_SYSTEM + "{{SYSTEM}}<|eot_id|>")
