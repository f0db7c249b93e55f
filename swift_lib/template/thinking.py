"""Thinking blocks: which replies keep them, which get an empty one, and how a generated reply begins."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swift_lib.template.base import TemplateMeta
from swift_lib.template.encode import last_round

THINK_START, THINK_END = "<think>", "</think>"


@dataclass(frozen=True)
class ThinkingOptions:
    """What the user chose; None: the template's own rule. A row's chat_template_kwargs of the same name come first."""

    enable_thinking: bool | None = None
    preserve_thinking: bool | None = None
    response_prefix: str | None = None
    add_non_thinking_prefix: bool = True


def is_enabled(meta: TemplateMeta, options: ThinkingOptions, row: Mapping[str, Any]) -> bool:
    """Whether the reply thinks. By default thinking templates do, hybrid ones do not."""
    for choice in (row.get("enable_thinking"), options.enable_thinking):
        if choice is not None:
            return bool(choice)
    return meta.is_thinking and not meta.is_hybrid


def response_prefix(meta: TemplateMeta, options: ThinkingOptions, row: Mapping[str, Any], use_chat: bool) -> str:
    """How a generated reply begins."""
    for choice in (row.get("response_prefix"), options.response_prefix):
        if choice is not None:
            return str(choice)
    if not use_chat:
        return ""
    return meta.thinking_prefix if is_enabled(meta, options, row) else meta.non_thinking_prefix


def is_preserved(meta: TemplateMeta, options: ThinkingOptions, row: Mapping[str, Any], trains_history: bool) -> bool:
    """Whether earlier replies keep their thinking. `trains_history`: training, and not only on the last round."""
    for choice in (row.get("preserve_thinking"), options.preserve_thinking, meta.preserve_thinking):
        if choice is not None:
            return bool(choice)
    return trains_history if meta.is_thinking or is_enabled(meta, options, row) else True


def rewrite_replies(
    messages: list[dict[str, Any]],
    meta: TemplateMeta,
    options: ThinkingOptions,
    row: Mapping[str, Any],
    *,
    trains_history: bool,
    only_after_user: bool = False,
) -> None:
    """Put empty thinking blocks in front of replies that have none, and drop the thinking of earlier rounds; in place.

    only_after_user: the empty block belongs to replies directly after a user message only.
    """
    last = last_round(messages)
    if meta.non_thinking_prefix and options.add_non_thinking_prefix:
        first = 0 if trains_history or meta.preserve_thinking else last + 1
        for i in range(first, len(messages)):
            after_user = i > 0 and messages[i - 1]["role"] == "user"
            if messages[i]["role"] == "assistant" and (after_user or not only_after_user):
                _edit_first_segment(messages[i], lambda text: _with_empty_block(text, meta.non_thinking_prefix))
    if not is_preserved(meta, options, row, trains_history):
        for message in messages[: max(last, 0)]:
            if message["role"] == "assistant":
                _edit_first_segment(message, lambda text: meta.history_thinking_prefix + _answer(text))


def _edit_first_segment(message: dict[str, Any], edit: Any) -> None:
    content = message["content"]
    if isinstance(content, list):
        message["content"] = [edit(content[0]), *content[1:]]
    elif content is not None:
        message["content"] = edit(content)


def _with_empty_block(text: str, prefix: str) -> str:
    return text if text.startswith((THINK_START, prefix)) else prefix + text


def _answer(text: str) -> str:
    return text.rpartition(THINK_END)[2].strip()
