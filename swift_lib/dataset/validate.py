"""What a standard row must be before anything is made of it."""

from typing import Any

from swift_lib.dataset.base import MEDIA, ROLES, RowFault, StandardRow


def check(row: StandardRow, *, needs_answer: bool = True, text_only: bool = False) -> None:
    """Raise RowFault for the first thing that is wrong.

    ``needs_answer``: the row is trained on, so it must hold an assistant message and end with one. ``text_only``: what
    reads the row has no use for images, videos, audios and objects, so a row that brings some is refused.
    """
    messages = row["messages"]
    if not messages:
        raise RowFault("no_messages", "messages", "the list is empty")
    for number, message in enumerate(messages):
        _check_message(number, message)
    if needs_answer:
        if not any(message["role"] == "assistant" for message in messages):
            roles = ", ".join(message["role"] for message in messages)
            raise RowFault("no_assistant_turn", "messages", f"roles are {roles}")
        if messages[-1]["role"] not in ("assistant", "tool_call"):
            raise RowFault("ends_without_answer", f"messages[{len(messages) - 1}]", f"role {messages[-1]['role']}")
    if text_only:
        for key in (*MEDIA, "objects"):
            if row.get(key):
                raise RowFault("media", key)


def _check_message(number: int, message: dict[str, Any]) -> None:
    role, content = message["role"], message["content"]
    if role not in ROLES:
        raise RowFault("unknown_role", f"messages[{number}].role", repr(role))
    if role == "system" and number:
        raise RowFault("system_not_first", f"messages[{number}].role")
    if content is None:
        raise RowFault("content_missing", f"messages[{number}].content")
    if not isinstance(content, str):
        raise RowFault("content_not_text", f"messages[{number}].content", f"it is {type(content).__name__}")
    if role == "assistant" and not content.strip():
        raise RowFault("empty_answer", f"messages[{number}].content")
    if "\0" in content:
        raise RowFault("nul_byte", f"messages[{number}].content", f"at character {content.index(chr(0))}")
    if not content.isascii():
        _check_encoding(number, content)
    _check_weights(number, message)


def _check_encoding(number: int, content: str) -> None:
    try:
        content.encode()
    except UnicodeEncodeError as error:
        detail = f"U+{ord(content[error.start]):04X} at character {error.start}"
        raise RowFault("lone_surrogate", f"messages[{number}].content", detail) from None


def _check_weights(number: int, message: dict[str, Any]) -> None:
    loss, scale = message.get("loss"), message.get("loss_scale")
    if loss is not None and not isinstance(loss, bool):
        raise RowFault("bad_loss", f"messages[{number}].loss", repr(loss))
    if scale is not None and (isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 <= scale < 1e6):
        raise RowFault("bad_loss", f"messages[{number}].loss_scale", repr(scale))
