"""The tokenizer's own chat template, for comparison and for models without a template of ours."""

from collections.abc import Mapping, Sequence
from typing import Any

from swift_lib.core.errors import TemplateError


def render_own(tokenizer: Any, messages: Sequence[Mapping[str, Any]], **kwargs: Any) -> str:
    """Render messages with the tokenizer's chat template (compiled once by transformers).

    The generation prompt is added unless the last message is the assistant's.
    """
    if not getattr(tokenizer, "chat_template", None):
        raise TemplateError(
            "the tokenizer has no chat template of its own",
            where=f"tokenizer {getattr(tokenizer, 'name_or_path', '')!r}",
            fix="give --template",
        )
    to_answer = not messages or messages[-1]["role"] != "assistant"
    return tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=to_answer, **kwargs)


def plain_messages(messages: Sequence[Mapping[str, Any]], system: str | None = None) -> list[dict[str, str]]:
    """Merged messages in the form that chat templates read: texts only, no answer to come."""
    plain = [] if system is None else [{"role": "system", "content": system}]
    for message in messages:
        content = message["content"]
        if content is not None:
            plain.append(
                {"role": message["role"], "content": content if isinstance(content, str) else "".join(content)}
            )
    return plain
