"""What the parts of reading share: a row with its origin, the form of a standard row, and why a row cannot be used."""

from collections.abc import Mapping
from typing import Any, NamedTuple

ROLES = frozenset({"system", "user", "assistant", "tool", "tool_call", "tool_response"})
MEDIA = ("images", "videos", "audios")
# What a standard row may hold; the loader leaves other columns out unless asked to keep them.
_SIDES = ("", "rejected_", "positive_", "negative_")
STANDARD_KEYS = frozenset(
    {f"{side}{key}" for side in _SIDES for key in ("messages", "tools", "objects", *MEDIA)}
    | {"rejected_response", "label", "channel", "margin", "teacher_prompt", "chat_template_kwargs"}
)

StandardRow = dict[str, Any]

# Every reason for which a row is not used, and what to do about it.
REASONS: Mapping[str, str] = {
    "invalid_json": "mend the line (a line of a .jsonl file is one JSON object)",
    "invalid_csv": "give every line as many fields as the header has names",
    "not_an_object": "make every row an object with named columns",
    "unknown_columns": """name the columns, e.g. --columns '{"theirs": "query", "ours": "response"}'""",
    "ambiguous_columns": """choose one, e.g. --columns '{"question": "query"}'""",
    "bad_messages": 'give messages as a list of {"role": ..., "content": ...}',
    "no_messages": "give every row at least one message",
    "unknown_role": f"use one of the roles {', '.join(sorted(ROLES))}",
    "system_not_first": "put the system message first",
    "content_missing": "give every message a content",
    "content_not_text": "make the content a string (numbers and objects are not rendered)",
    "no_assistant_turn": "give every row an assistant message, since nothing else is trained",
    "ends_without_answer": "end every row with an assistant message",
    "empty_answer": "fill in or remove rows whose answer is empty",
    "nul_byte": "remove the NUL characters",
    "lone_surrogate": "mend the text's encoding (half of a surrogate pair is not a character)",
    "bad_history": 'give history as [["question", "answer"], ...]',
    "bad_tools": "give tools as a list of objects or its JSON text",
    "bad_loss": "give loss as true or false and loss_scale as a number of at least 0",
    "media": "leave images, videos, audios and objects out: text rows only are encoded here",
    "over_length": "give a larger --max_length, or choose --truncation_strategy delete, left or right",
    "no_trained_tokens": "choose another --loss_scale or a larger --max_length: nothing of the row is trained",
    "cannot_encode": "mend the row for this template, or choose another --template",
}


class RowFault(Exception):
    """Why one row cannot be used. ``field`` is a path such as ``messages[2].content``."""

    def __init__(self, reason: str, field: str = "", detail: str = "") -> None:
        assert reason in REASONS, reason
        super().__init__(reason, field, detail)
        self.reason, self.field, self.detail = reason, field, detail


class SourceRow(NamedTuple):
    """A row as it was read. ``where`` is file:line (or file:row); either ``data`` or ``fault`` is set."""

    where: str
    data: Any = None
    fault: RowFault | None = None
