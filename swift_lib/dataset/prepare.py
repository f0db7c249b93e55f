"""From a row as it was read to a checked standard row and the hash of what it says."""

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple

from swift_lib.dataset.base import STANDARD_KEYS, RowFault, StandardRow
from swift_lib.dataset.columns import plan_for
from swift_lib.dataset.formats import apply_plan, as_columns
from swift_lib.dataset.media import find_media
from swift_lib.dataset.rules import RowRules
from swift_lib.dataset.targets import shape_targets
from swift_lib.dataset.validate import check

_PLAIN = {"role", "content"}
_CHAT = {"system", "user", "assistant"}
_MAX_ORDERS = 4096


class Prepared(NamedTuple):
    """A usable row, the names of columns that nothing reads, and 64 bits that tell rows apart by what they say."""

    row: StandardRow
    unused: tuple[str, ...]
    key: int


class RowPreparer:
    """Prepares the rows of one dataset, which must all have one form unless the rules accept several.

    Rows of plain chat, by far the most common, take a short way that does the same checks on all texts at once and
    hands whatever is odd to the long way, which says what is wrong. The row that comes out may share parts with the
    one that went in.
    """

    def __init__(
        self, rules: RowRules, columns: Mapping[str, str] | None = None, *, roots: Sequence[str | Path] = (),
        keep_unused: bool = False,
    ) -> None:  # fmt: skip
        self._rules, self._columns, self._roots = rules, columns or {}, roots
        self._keep_unused = keep_unused or rules.keep_unused
        self._form = ""
        self._orders: dict[tuple[str, ...], tuple[int, ...]] = {}
        self._has_short_way = not (
            rules.has_pairs
            or rules.has_groups
            or rules.is_classification
            or rules.has_steps
            or rules.mode == "kto"
            or rules.row_filter
            or "messages" in self._columns
        )

    def __call__(self, raw: Any) -> Prepared:
        """The prepared row; RowFault for the first thing that is wrong with it."""
        may_be_plain = self._has_short_way and self._form == "messages" and type(raw) is dict and len(raw) == 1
        if may_be_plain and (key := self._short_way(raw.get("messages"))) is not None:
            return Prepared(raw, (), key)
        try:
            return self._long_way(raw)
        except RecursionError:
            raise RowFault("invalid_json", "", "nested too deeply") from None

    def _long_way(self, raw: Any) -> Prepared:
        columns = as_columns(raw, self._columns)
        self._filter(columns)
        plan = plan_for(columns)
        row = apply_plan(plan, columns)
        unused = () if self._keep_unused else plan.unused
        may_be_plain = self._has_short_way and plan.form == self._form and len(row) == 1 + len(unused)
        if may_be_plain and (key := self._short_way(row["messages"])) is not None:
            return Prepared({"messages": row["messages"]}, unused, key)
        shape_targets(row, self._rules)
        if self._rules.merge_consecutive:
            row["messages"] = _merged(row["messages"])
        check(row, self._rules)
        if not self._rules.text_only:
            find_media(row, self._roots, open_images=self._rules.open_images)
        self._check_form(plan.form)
        unused = tuple(name for name in unused if name in row)  # what a target was made of is gone
        if unused:
            row = {name: value for name, value in row.items() if name in STANDARD_KEYS}
        self._learn(row)
        idle = tuple(name for name in row if not self._rules.reads(name))
        return Prepared(row, unused + idle, content_key(row))

    def _short_way(self, messages: Any) -> int | None:
        """The key of plain messages in an order of roles that was found sound before; None for any others."""
        if type(messages) is not list:
            return None
        texts: list[str] = []
        for message in messages:
            if type(message) is not dict or len(message) != 2:
                return None
            role, content = message.get("role"), message.get("content")
            if type(role) is not str or type(content) is not str:
                return None
            texts.append(role)
            texts.append(content)
        replies = self._orders.get(tuple(texts[::2]))
        if replies is None:
            return None
        for at in replies:
            if not texts[at] or texts[at].isspace():
                return None
        text = "\0".join(texts)
        if text.count("\0") >= len(texts) or (not self._rules.text_only and "<image>" in text):
            return None
        try:
            return _hash(text.encode())
        except UnicodeEncodeError:
            return None

    def _learn(self, row: StandardRow) -> None:
        messages = row["messages"]
        if len(row) == 1 and len(self._orders) < _MAX_ORDERS:
            order = tuple(message["role"] for message in messages)
            if _CHAT.issuperset(order):
                self._orders[order] = tuple(2 * at + 1 for at, role in enumerate(order) if role == "assistant")

    def _filter(self, columns: Mapping[str, Any]) -> None:
        for column, wanted in self._rules.row_filter.items():
            value = columns.get(column)
            if value not in wanted if isinstance(wanted, list | tuple) else value != wanted:
                raise RowFault("filtered", column, repr(value))

    def _check_form(self, form: str) -> None:
        if not self._form:
            self._form = form
        elif form != self._form and not self._rules.mixed_schema:
            raise RowFault("mixed_schema", "", f"this row is made from {form}, the rows before from {self._form}")


def content_key(row: StandardRow) -> int:
    """A signed 64-bit hash of what a checked row says, whatever the order of its keys."""
    if len(row) == 1 and all(message.keys() == _PLAIN for message in row["messages"]):
        # No content holds a NUL, so that the joined text is of one row only.
        texts = [text for message in row["messages"] for text in (message["role"], message["content"])]
        return _hash("\0".join(texts).encode())
    try:
        text = json.dumps(row, sort_keys=True, default=_digest_of)
    except TypeError:  # names of other types than text, which a Python literal may hold
        text = repr(row)
    return _hash(text.encode(errors="surrogatepass"))


def _digest_of(value: Any) -> str:
    """What JSON cannot say: bytes by their hash, objects by the bytes that they give (PIL images do)."""
    data = value.tobytes() if hasattr(value, "tobytes") else value
    return blake2b(data).hexdigest() if isinstance(data, bytes | bytearray) else repr(value)


def _hash(data: bytes) -> int:
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "little", signed=True)


def _merged(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    merged: list[dict[str, Any]] = []
    for message in messages:
        before = merged[-1] if merged else None
        both = before is not None and before["role"] == message["role"] == "user"
        if before is not None and both and isinstance(before["content"], str) and isinstance(message["content"], str):
            merged[-1] = {**before, "content": f"{before['content']}\n{message['content']}"}
        else:
            merged.append(message)
    return merged
