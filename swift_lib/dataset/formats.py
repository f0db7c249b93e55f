"""Rows of every accepted form to the standard one: ``{"messages": [{"role", "content"[, "loss", "loss_scale"]}]}``.

Forms, in the order in which they are recognised:

1. ``messages``, ``conversation`` or ``conversations``: role/content, from/value, or ``{human, assistant}`` pairs;
2. alpaca: ``instruction`` with ``input`` and ``output``;
3. query and response under any of their names, with ``history`` and ``system``; a response alone is a text to continue.

Names are compared without case, a null column counts as absent. Where two columns could be the same thing, the one that
bears the standard name is taken and the other stays what it is; with no such column the row is refused, not guessed at.
"""

import ast
import json
from collections.abc import Iterable, Mapping
from typing import Any

from swift_lib.dataset.base import MEDIA, STANDARD_KEYS, RowFault, StandardRow

SYSTEM = ("system", "system_prompt")
QUERY = ("query", "prompt", "input", "instruction", "question", "problem")
RESPONSE = (
    "response", "answer", "output", "targets", "target", "answer_key", "answers", "solution", "text", "completion",
    "content",
)  # fmt: skip
MESSAGES = ("messages", "conversation", "conversations")
_ROLE_NAMES = {
    "human": "user",
    "gpt": "assistant",
    "bot": "assistant",
    "function_call": "tool_call",
    "function_response": "tool_response",
    "observation": "tool_response",
    "observations": "tool_response",
}


def standardise(row: Any, columns: Mapping[str, str] | None = None) -> StandardRow:
    """Bring a row to the standard form; ``columns`` (theirs to ours) are renamed first, further columns are kept.

    Raises RowFault. Does not judge the conversation itself: `validate.check` does. The row is not changed.
    """
    if not isinstance(row, Mapping):
        raise RowFault("not_an_object", detail=f"the row is {type(row).__name__}")
    rest = _rename(row, columns) if columns else dict(row)
    solution = rest.get("solution")
    system = _take(rest, SYSTEM)
    if (messages := _take(rest, MESSAGES)) is not None:
        turns = _conversation(_literal(messages, "messages", "bad_messages"))
    else:
        turns = _query_response(rest)
    if system is not None and not (turns and turns[0]["role"] == "system"):
        turns.insert(0, {"role": "system", "content": system})
    if solution is not None:
        rest["solution"] = solution  # a reward may need it even where it served as the response
    standard: StandardRow = {"messages": turns}
    for key, value in rest.items():
        if value is not None:
            name, value = _extra(key, value)
            standard[name] = value
    return standard


def drop_unused(row: StandardRow) -> tuple[StandardRow, list[str]]:
    """The row without the columns that nothing reads, and these columns' names."""
    unused = [key for key in row if key not in STANDARD_KEYS]
    return ({key: value for key, value in row.items() if key in STANDARD_KEYS}, unused) if unused else (row, unused)


def _rename(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    renamed = {columns[key]: value for key, value in row.items() if key in columns}
    if len(renamed) < sum(key in columns for key in row):
        names = [key for key in row if key in columns]
        raise RowFault("ambiguous_columns", ", ".join(names), "--columns gives two of them one name")
    # A name that the user gave wins over a column that had it already.
    return {**{key: value for key, value in row.items() if key not in columns}, **renamed}


def _take(rest: dict[str, Any], names: Iterable[str]) -> Any:
    """Remove and return the one column that bears any of ``names``, the first of which is the standard one."""
    standard, *_ = names = tuple(names)
    if rest.get(standard) is not None:
        return rest.pop(standard)
    found = [key for key, value in rest.items() if value is not None and key.lower() in names]
    if len(found) > 1:
        exact = [key for key in found if key.lower() == standard]
        if len(exact) != 1:
            raise RowFault("ambiguous_columns", ", ".join(found), f"each of them could be the {standard}")
        found = exact
    return rest.pop(found[0]) if found else None


def _query_response(rest: dict[str, Any]) -> list[dict[str, Any]]:
    history = _take(rest, ("history",))
    lower = {key.lower(): key for key in rest}
    if "instruction" in lower and "input" in lower:
        query = _join(rest.pop(lower["instruction"]), rest.pop(lower["input"]))
        # Alpaca's own name for the answer; published files carry a rendered `text` beside it.
        response = _take(rest, ("output",)) if "output" in lower else _take(rest, RESPONSE)
    else:
        query, response = _take(rest, QUERY), _take(rest, RESPONSE)
    if query is None and response is None:
        known = ", ".join(rest) or "none"
        raise RowFault("unknown_columns", detail=f"neither messages, query nor response among the columns: {known}")
    if isinstance(response, list):
        response = response[0] if response else None
    turns = _history(history)
    if query is not None:
        turns.append({"role": "user", "content": query})
    if response is not None:
        turns.append({"role": "assistant", "content": response})
    return turns


def _join(instruction: Any, extra: Any) -> Any:
    if not extra or not instruction:
        return instruction or extra
    if isinstance(instruction, str) and isinstance(extra, str):
        return f"{instruction}\n{extra}"
    field, value = ("input", extra) if isinstance(instruction, str) else ("instruction", instruction)
    raise RowFault("content_not_text", field, f"it is {type(value).__name__}")


def _history(history: Any) -> list[dict[str, Any]]:
    if history is None or history == "":
        return []
    rounds = _literal(history, "history", "bad_history")
    if not isinstance(rounds, list):
        raise RowFault("bad_history", "history", f"it is {type(rounds).__name__}")
    turns = []
    for number, pair in enumerate(rounds):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise RowFault("bad_history", f"history[{number}]", "it is not a pair")
        turns += [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]
    return turns


def _literal(value: Any, field: str, reason: str) -> Any:
    """A list that a text column holds, as JSON or as Python writes it."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        pass
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise RowFault(reason, field, "its text is neither JSON nor a Python literal") from None


def _conversation(items: Any) -> list[dict[str, Any]]:
    if not isinstance(items, list | tuple):
        raise RowFault("bad_messages", "messages", f"it is {type(items).__name__}")
    turns: list[dict[str, Any]] = []
    for number, item in enumerate(items):
        field = f"messages[{number}]"
        if not isinstance(item, Mapping):
            raise RowFault("bad_messages", field, f"it is {type(item).__name__}")
        role = item.get("role", item.get("from"))
        if role is None and item.keys() >= {"human", "assistant"}:
            turns.append({"role": "user", "content": item["human"]})
            turns.append({"role": "assistant", "content": item["assistant"]})
            continue
        if not isinstance(role, str):
            raise RowFault("bad_messages", f"{field}.role", "it has no role")
        turns += _message(role, item, field)
    return turns


def _message(role: str, item: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    plain = role.lower().replace("-", "_")
    turn: dict[str, Any] = {"role": _ROLE_NAMES.get(plain, plain), "content": item.get("content", item.get("value"))}
    if isinstance(turn["content"], list):
        turn["content"] = _text_blocks(turn["content"], field)
    for key in ("loss", "loss_scale"):
        if item.get(key) is not None:
            turn[key] = item[key]
    calls = item.get("tool_calls")
    if not calls:
        return [turn]
    turns = [turn] if turn["content"] else []
    return turns + [{"role": "tool_call", "content": _call(call, field)} for call in calls]


def _text_blocks(blocks: list[Any], field: str) -> str:
    texts = []
    for number, block in enumerate(blocks):
        if not isinstance(block, Mapping) or not isinstance(block.get("text"), str):
            kind = block.get("type") if isinstance(block, Mapping) else type(block).__name__
            raise RowFault("content_not_text", f"{field}.content[{number}]", f"a block of type {kind!r}")
        texts.append(block["text"])
    return "".join(texts)


def _call(call: Any, field: str) -> str:
    """An OpenAI tool call as the content of a tool_call message: the JSON text of name and arguments."""
    function = call.get("function", call) if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise RowFault("bad_messages", f"{field}.tool_calls", "a call has no function name")
    arguments = function.get("arguments") or {}
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError as error:
            raise RowFault("bad_messages", f"{field}.tool_calls", f"arguments are not JSON: {error}") from None
    return json.dumps({"name": function["name"], "arguments": arguments}, ensure_ascii=False)


def _extra(key: str, value: Any) -> tuple[str, Any]:
    name = key.lower()
    if name.removesuffix("s") + "s" in MEDIA:
        items = value if isinstance(value, list | tuple) else [value]
        return name.removesuffix("s") + "s", [
            item if isinstance(item, Mapping) else {"bytes": None, "path": item} for item in items
        ]
    if name == "tools":
        return name, _tools(value)
    return key, value


def _tools(value: Any) -> Any:
    if isinstance(value, str):
        if not value.strip():
            return []
        try:
            value = json.loads(value)
        except ValueError as error:
            raise RowFault("bad_tools", "tools", str(error)) from None
    if not isinstance(value, list | tuple) or not all(isinstance(tool, Mapping | str) for tool in value):
        raise RowFault("bad_tools", "tools", f"it is {type(value).__name__}")
    return list(value)
