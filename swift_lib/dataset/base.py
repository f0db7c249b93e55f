"""What the parts of reading share: a row with its origin, the form of a standard row, and why a row cannot be used."""

from collections.abc import Mapping
from typing import Any, NamedTuple

ROLES = frozenset({"system", "user", "assistant", "tool", "tool_call", "tool_response"})
TOOL_RESULTS = frozenset({"tool", "tool_response"})
MEDIA = ("images", "videos", "audios")
TAGS = {"images": "<image>", "videos": "<video>", "audios": "<audio>"}
# Before the names of columns: the row's own conversation, the other side of a pair, the sides of a group.
GROUPED_SIDES = ("positive_", "negative_")
SIDES = ("", "rejected_", *GROUPED_SIDES)
MEDIA_KEYS = tuple(f"{side}{kind}" for side in SIDES for kind in MEDIA)
# What a standard row may hold; the loader leaves other columns out unless asked to keep them.
STANDARD_KEYS = frozenset(
    {f"{side}{key}" for side in SIDES for key in ("messages", "tools", "objects")}
    | set(MEDIA_KEYS)
    | {"rejected_response", "label", "channel", "margin", "teacher_prompt", "chat_template_kwargs"}
)

StandardRow = dict[str, Any]

# Reasons of drops that an option asked for: they never count against max_drop_rate.
BY_REQUEST = frozenset({"duplicate", "filtered"})

# Every reason for which a row is not used, and what to do about it.
REASONS: Mapping[str, str] = {
    # What cannot be read
    "invalid_json": "mend the line (a line of a .jsonl file is one JSON object)",
    "preprocess_failed": "mend the dataset's preprocess function, or the row",
    "duplicate_key": "give every name of an object once",
    "invalid_csv": "give every line as many fields as the header has names",
    "not_an_object": "make every row an object with named columns",
    # Which column is what
    "unknown_columns": """name the columns, e.g. --columns '{"theirs": "query", "ours": "response"}'""",
    "ambiguous_columns": """choose one, e.g. --columns '{"question": "query"}'""",
    "mixed_schema": "give rows of different forms as datasets of their own, or accept them with --mixed_schema true",
    # The conversation
    "bad_messages": 'give messages as a list of {"role": ..., "content": ...}',
    "no_messages": "give every row at least one message",
    "missing_role": f"give every message a role: {', '.join(sorted(ROLES))}",
    "unknown_role": f"use one of the roles {', '.join(sorted(ROLES))}",
    "system_not_first": "put the system message first",
    "consecutive_users": "join the messages, put the missing answer between them, or give --merge_consecutive true",
    "content_missing": "give every message a content",
    "content_not_text": "make the content a string (numbers and objects are not rendered)",
    "no_assistant_turn": "give every row an assistant message, since nothing else is trained",
    "ends_without_answer": "end every row with an assistant message",
    "empty_answer": "fill in or remove rows whose answer is empty",
    "nul_byte": "remove the NUL characters",
    "lone_surrogate": "mend the text's encoding (half of a surrogate pair is not a character)",
    "bad_history": 'give history as [["question", "answer"], ...]',
    "bad_loss": "give loss as true or false and loss_scale as a number of at least 0",
    # Tools
    "bad_tools": "give tools as a list of objects with a name, or its JSON text",
    "bad_tool_call": 'give a tool call as the JSON text {"name": "...", "arguments": {...}}',
    "unknown_tool": "call a tool that the row's tools define, or add its definition",
    "tool_without_call": "put the call (tool_call, or the assistant's) before the tool's result",
    # What goes with a conversation
    "bad_extra": "give channel as text, margin as a finite number, chat_template_kwargs as an object",
    "media": "leave images, videos, audios and objects out: this model reads text only",
    "media_tags": "put as many <image>, <video>, <audio> tags into the text as the row has images, videos, audios",
    "media_missing": "put the files where the rows say (relative to the data file or the working directory)",
    "media_damaged": "replace files that are cut off or no images",
    "bad_objects": 'give objects as {"ref": [...], "bbox": [[x1, y1, x2, y2], ...]}, one entry for each tag',
    # What a task needs
    "no_rejected": "give every row a rejected_response or rejected_messages",
    "chosen_equals_rejected": "remove rows whose chosen and rejected replies are the same: they teach nothing",
    "bad_label": "give label as the task needs it: true or false (KTO), a class from 0, a number, or a list of classes "
    "(of a reply in steps, one for each)",
    "no_positive": "give every row positive_messages (or, for a reranker, negative_messages)",
    # What encoding finds
    "special_token_in_text": "remove the control tokens from the text, or accept them with --special_tokens_in_text",
    "over_length": "give a larger --max_length, or choose --truncation_strategy delete, left, right or split",
    "no_trained_tokens": "choose another --loss_scale: nothing of the row is trained",
    "supervision_cut": "give a larger --max_length or cut on the left: truncation takes everything that is trained",
    "cannot_encode": "mend the row for this template, or choose another --template",
    # By request
    "duplicate": "a row repeats an earlier one (--dedup)",
    "filtered": "a row that --row_filter, or a preprocessor that returns None, leaves out",
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
