"""Qwen."""

from typing import Any

from swift_lib.template.base import TemplateMeta
from swift_lib.template.families.chatml import chatml


def _qwen(template_type: str, **fields: Any) -> TemplateMeta:
    return chatml(template_type, stop_words=["<|endoftext|>"], agent_template="hermes", **fields)


QWEN = _qwen("qwen", default_system="You are a helpful assistant.")
QWEN2_5 = _qwen("qwen2_5", default_system="You are Qwen, created by Alibaba Cloud. You are a helpful assistant.")
QWEN3 = _qwen("qwen3", is_thinking=True, non_thinking_prefix="<think>\n\n</think>\n\n")
QWEN3_THINKING = _qwen("qwen3_thinking", is_thinking=True, thinking_prefix="<think>\n")
QWEN3_NOTHINKING = _qwen("qwen3_nothinking")
