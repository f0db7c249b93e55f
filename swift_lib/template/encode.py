"""From a row to the pieces of a conversation: roles checked, messages merged, the template's text put around them."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from swift_lib.core.errors import TemplateError
from swift_lib.core.types import ContextType
from swift_lib.template.base import TemplateMeta, fill, with_token_ids

Piece = str | list[int]
ROLES = ("system", "user", "assistant")
TOOL_ROLES = ("tool", "tool_call", "tool_response")
MEDIA = ("images", "videos", "audios")


@dataclass
class TemplateInputs:
    """One conversation, ready to be written: what `Template._encode` gets.

    messages: {"role", "content"[, "loss", "loss_scale"]}, alternating user and assistant; an assistant's content is a
        text, a list of texts where several replies followed each other (`loss` and `loss_scale` are lists then), or
        None where the model is to answer.
    system: the conversation's own system, None: use the template's default, "": none.
    """

    messages: list[dict[str, Any]]
    system: str | None = None
    chat_template_kwargs: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass
class Contexts:
    """The pieces of a conversation in order, and what each of them is."""

    pieces: list[Piece] = field(default_factory=list)
    types: list[ContextType] = field(default_factory=list)

    def add(self, elements: Sequence[Piece], context_type: ContextType) -> None:
        """Append pieces of one type; empty ones are left out."""
        for element in elements:
            if element:
                self.pieces.append(element)
                self.types.append(context_type)


class Layout:
    """A template's elements with the tokenizer's ids in place."""

    def __init__(self, meta: TemplateMeta, tokenizer: Any) -> None:
        self.meta = meta
        self.bos = bos_ids(tokenizer) if meta.auto_add_bos else []
        self.prefix = with_token_ids(meta.prefix, tokenizer)
        self.system_prefix = with_token_ids(meta.system_prefix, tokenizer)
        self.prompt = with_token_ids(meta.prompt, tokenizer)
        self.system_prompt = with_token_ids(meta.system_prompt, tokenizer)
        self.chat_sep = with_token_ids(meta.chat_sep, tokenizer)
        self.suffix = with_token_ids(meta.suffix, tokenizer)


def bos_ids(tokenizer: Any) -> list[int]:
    """What the tokenizer puts in front of a text by itself."""
    bare = tokenizer.encode("a", add_special_tokens=False)
    full = tokenizer.encode("a", add_special_tokens=True)
    for start in range(len(full) - len(bare) + 1):
        if full[start : start + len(bare)] == bare:
            return full[:start]
    return []


def parse_row(row: Any) -> TemplateInputs:
    """Read a row (a mapping, or an object with `messages` and `chat_template_kwargs`) without changing it.

    Raises TemplateError for what cannot be encoded: no messages, unknown roles, content that is no text, tools, media.
    """
    get = row.get if isinstance(row, Mapping) else lambda key, default=None: getattr(row, key, default)
    messages = get("messages")
    if not isinstance(messages, list | tuple) or not messages:
        raise TemplateError("the row has no messages", fix='give {"messages": [{"role": "user", "content": ...}, ...]}')
    for key in MEDIA:
        if get(key):
            raise TemplateError(f"the row has {key}, and this template reads text only", fix=f"leave {key} out")
    parsed = [_parse_message(message, i) for i, message in enumerate(messages)]
    system: str | None = get("system")
    if parsed[0]["role"] == "system":
        system = parsed.pop(0)["content"]
    for i, message in enumerate(parsed):
        if message["role"] == "system":
            raise TemplateError("a system message stands after the first message", where=f"message {i + 1}")
    if not parsed:
        raise TemplateError("the row has a system message only", fix="add a user message")
    extra = {} if not isinstance(row, Mapping) else {k: v for k, v in row.items() if k not in _KNOWN_KEYS}
    return TemplateInputs(merge(parsed), system, dict(get("chat_template_kwargs") or {}), extra)


_KNOWN_KEYS = {"messages", "system", "tools", "chat_template_kwargs", *MEDIA}


def has_tools(row: Any) -> bool:
    """Whether a row defines tools, or calls them, or holds their results."""
    get = row.get if isinstance(row, Mapping) else lambda key, default=None: getattr(row, key, default)
    if get("tools"):
        return True
    messages = get("messages")
    if not isinstance(messages, list | tuple):
        return False
    return any(isinstance(m, Mapping) and (m.get("role") in TOOL_ROLES or m.get("tool_calls")) for m in messages)


def _parse_message(message: Any, index: int) -> dict[str, Any]:
    where = f"message {index}"
    if not isinstance(message, Mapping) or "role" not in message:
        raise TemplateError("a message is not an object with a role", where=where)
    role = message["role"]
    if role not in ROLES:
        raise TemplateError(f"unknown role {role!r}", where=where, fix=f"use one of {[*ROLES, *TOOL_ROLES]}")
    content = message.get("content")
    if isinstance(content, list):
        content = _join_blocks(content, where)
    if not isinstance(content, str) and not (content is None and role == "assistant"):
        raise TemplateError(f"the content of a {role} message is {type(content).__name__}, not text", where=where)
    if content and not content.isascii():
        _check_unicode(content, where)
    parsed: dict[str, Any] = {"role": role, "content": content}
    if role == "assistant":
        for key, is_valid, kind in _WEIGHT_FIELDS:
            value = message.get(key)
            if value is None:
                continue
            if not is_valid(value):
                raise TemplateError(f"`{key}` is {value!r}, not {kind}", where=where)
            parsed[key] = value
    return parsed


def _is_weight(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf


_WEIGHT_FIELDS: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("loss", lambda value: isinstance(value, bool), "true or false"),
    ("loss_scale", _is_weight, "a number from 0"),
)


def _check_unicode(text: str, where: str) -> None:
    """A lone surrogate would stop the tokenizer, and with it a whole batch of rows."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise TemplateError(f"the text has a lone surrogate at character {error.start}", where=where) from error


def _join_blocks(blocks: list[Any], where: str) -> str:
    texts = []
    for block in blocks:
        if not isinstance(block, Mapping) or block.get("type") != "text" or not isinstance(block.get("text"), str):
            kind = block.get("type") if isinstance(block, Mapping) else type(block).__name__
            raise TemplateError(f"a content block of type {kind!r} is not text", where=where)
        texts.append(block["text"])
    return "".join(texts)


def merge(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join neighbours of one role: users' texts into one, replies into a list that keeps each one's loss fields.

    A reply without a user before it gets an empty one; where the last is a user's, an answer to come (None) is added.
    """
    merged: list[dict[str, Any]] = []
    if messages[0]["role"] == "assistant":
        merged.append({"role": "user", "content": ""})
    for message in messages:
        previous = merged[-1] if merged else None
        if previous is None or previous["role"] != message["role"]:
            merged.append(dict(message))
        elif message["role"] == "user":
            previous["content"] += message["content"]
        else:
            _append_reply(previous, message)
    if merged[-1]["role"] == "user":
        merged.append({"role": "assistant", "content": None})
    for i, message in enumerate(merged[:-1]):
        if message["content"] is None:
            raise TemplateError("an assistant message without content is not the last one", where=f"message {i}")
    return merged


def _append_reply(previous: dict[str, Any], message: dict[str, Any]) -> None:
    count = len(previous["content"]) if isinstance(previous["content"], list) else 1
    for key in ("content", "loss", "loss_scale"):
        values = previous.get(key)
        if not isinstance(values, list):
            values = [values] if count == 1 else [None] * count
        previous[key] = [*values, message.get(key)]
    if None in previous["content"]:
        raise TemplateError("two assistant messages follow each other and one has no content")


def last_round(messages: Sequence[Mapping[str, Any]]) -> int:
    """Index of the last user or tool message."""
    return max((i for i, message in enumerate(messages) if message["role"] in ("user", "tool")), default=-1)


def build_contexts(
    inputs: TemplateInputs, layout: Layout, *, default_system: str | None, response_prefix: str, add_suffix: bool
) -> Contexts:
    """Write the template around the messages. `add_suffix`: end the last reply (False for a reply to be continued)."""
    meta = layout.meta
    system = inputs.system if inputs.system is not None else default_system
    if system is not None and not meta.support_system:
        raise TemplateError(f"template {meta.template_type!r} takes no system message", fix="leave the system out")
    contexts = Contexts()
    contexts.add([layout.bos], ContextType.OTHER)
    use_system_prefix = bool(system) and layout.system_prefix and not meta.is_post_system
    opening = layout.system_prefix if use_system_prefix else layout.prefix
    contexts.add(_filled(opening, {"SYSTEM": system or ""}), ContextType.OTHER)
    rounds = len(inputs.messages) // 2
    for i in range(rounds):
        query, reply = inputs.messages[2 * i]["content"], inputs.messages[2 * i + 1]["content"]
        is_last = i == rounds - 1
        prompt = layout.prompt
        values = {"QUERY": query, "ROUND0": str(i), "ROUND1": str(i + 1)}
        if is_last and meta.is_post_system and system is not None:
            prompt, values["SYSTEM"] = layout.system_prompt, system
        contexts.add(_filled(prompt, values), ContextType.OTHER)
        if reply is None:
            contexts.add([response_prefix], ContextType.OTHER)
            return contexts
        # Each segment is added, empty ones too: the loss scale counts replies.
        for segment in reply if isinstance(reply, list) else [reply]:
            contexts.pieces.append(segment)
            contexts.types.append(ContextType.RESPONSE)
        if not is_last:
            contexts.add(layout.chat_sep, ContextType.OTHER)
    if add_suffix:
        contexts.add(layout.suffix, ContextType.SUFFIX)
    return contexts


def _filled(elements: Sequence[Piece], values: Mapping[str, str]) -> list[Piece]:
    return [fill(element, values) if isinstance(element, str) else element for element in elements]
