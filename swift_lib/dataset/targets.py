"""What a task needs beside the conversation: the other reply of a pair, a label, positives and negatives."""

import math
from typing import Any

from swift_lib.dataset.base import TOOL_RESULTS, RowFault, StandardRow
from swift_lib.dataset.messages import check_ending, check_messages, check_text
from swift_lib.dataset.rules import RowRules

_WORDS = {"true": True, "false": False}
_MULTI, _REGRESSION = "multi_label_classification", "regression"


def shape_targets(row: StandardRow, rules: RowRules) -> None:
    """Bring targets to their standard form in place.

    Labels of text files become what they spell. For embedding and reranker, columns positive and negative, and a pair
    written as response and rejected_response, become positive_messages and negative_messages. For prm, columns
    completions and labels become replies and label.
    """
    if rules.has_steps:
        _shape_steps(row)
    label = row.get("label")
    if isinstance(label, str):
        row["label"] = _spelled(label.strip(), rules)
    if rules.has_groups:
        _shape_groups(row, "assistant" if rules.task_type.endswith("reranker") else "user")


def check_targets(row: StandardRow, rules: RowRules, tools: frozenset[str] = frozenset()) -> None:
    """Raise RowFault for what the task cannot use."""
    if rules.has_pairs:
        _check_pair(row, tools)
    elif rules.mode == "kto":
        if not isinstance(row.get("label"), bool):
            raise RowFault("bad_label", "label", f"{row.get('label')!r} is neither true nor false")
        if row.get("rejected_messages") is not None or row.get("rejected_response") is not None:
            _check_pair(row, tools)  # the text against which the divergence is measured
    elif rules.is_classification and rules.needs_answer:
        _check_class(row.get("label"), rules)
    elif rules.has_steps and rules.needs_answer:
        _check_steps(row.get("label"), rules)
    if rules.has_groups and rules.needs_answer:
        _check_groups(row, rules)


def _spelled(text: str, rules: RowRules) -> Any:
    if rules.mode == "kto":
        return _WORDS.get(text.lower(), text)
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _shape_steps(row: StandardRow) -> None:
    completions = row.pop("completions", None)
    if completions is not None:
        if not isinstance(completions, list) or not all(isinstance(text, str) for text in completions):
            raise RowFault("content_not_text", "completions", "it is not a list of texts")
        row["messages"] = [*row["messages"], *({"role": "assistant", "content": text} for text in completions)]
    labels = row.pop("labels", None)
    label = row.get("label", labels)
    if label is not None:
        label = label if isinstance(label, list) else [label]
        row["label"] = [int(item) if isinstance(item, bool) else item for item in label]


def _shape_groups(row: StandardRow, role: str) -> None:
    for side in ("positive", "negative"):
        for column in (side, f"{side}s"):
            texts = row.get(column)
            if f"{side}_messages" not in row and texts is not None:
                row[f"{side}_messages"] = _as_groups(row.pop(column), role, column)
    messages = row["messages"]
    if "positive_messages" not in row and messages and messages[-1]["role"] == "assistant":
        row["positive_messages"] = [[{"role": role, "content": messages[-1]["content"]}]]
        row["messages"] = messages[:-1]
    if "negative_messages" not in row and row.get("rejected_response"):
        row["negative_messages"] = _as_groups(row.pop("rejected_response"), role, "rejected_response")


def _as_groups(texts: Any, role: str, field: str) -> list[list[dict[str, Any]]]:
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise RowFault("content_not_text", field, "it is neither a text nor a list of texts")
    return [[{"role": role, "content": text}] for text in texts]


def _check_pair(row: StandardRow, tools: frozenset[str]) -> None:
    if (messages := row.get("rejected_messages")) is not None:
        check_messages(messages, "rejected_messages", tools=tools)
        check_ending(messages, "rejected_messages")
        if _said(messages) == _said(row["messages"]):
            raise RowFault("chosen_equals_rejected", "rejected_messages")
        return
    response = row.get("rejected_response")
    if response is None or response == []:
        raise RowFault("no_rejected", "rejected_response")
    reply = _reply_of(row["messages"])
    if isinstance(response, list):
        if not all(isinstance(turn, dict) for turn in response):
            raise RowFault("content_not_text", "rejected_response", "a list of texts, where a pair has one reply")
        if any(turn["role"] in ("user", "system") for turn in response):
            raise RowFault("bad_messages", "rejected_response", "a reply holds no user or system message")
        check_messages([*row["messages"][: -len(reply)], *response], "rejected_response", tools=tools)
        check_ending(response, "rejected_response")
    else:
        check_text(response, "rejected_response", may_be_empty=False)
        response = [{"role": "assistant", "content": response}]
    if _said(response) == _said(reply):
        raise RowFault("chosen_equals_rejected", "rejected_response")


def _reply_of(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What stands after the last question or result of a tool."""
    start = len(messages)
    while start and messages[start - 1]["role"] not in TOOL_RESULTS | {"user", "system"}:
        start -= 1
    return messages[start:]


def _said(messages: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in messages]


def _check_class(label: Any, rules: RowRules) -> None:
    if rules.problem_type == _REGRESSION or rules.num_labels == 1:
        if not all(map(is_number, label if isinstance(label, list) and label else [label])):
            raise RowFault("bad_label", "label", f"{label!r} is no number")
        if rules.num_labels and rules.num_labels != (len(label) if isinstance(label, list) else 1):
            raise RowFault("bad_label", "label", f"{label!r} is not {rules.num_labels} numbers")
    elif isinstance(label, list) and rules.problem_type in (None, _MULTI):
        for number, item in enumerate(label):
            _check_index(item, rules.num_labels, f"label[{number}]")
    elif rules.problem_type is rules.num_labels is None and isinstance(label, float) and math.isfinite(label):
        return  # a score: nothing says yet that labels are classes
    else:
        _check_index(label, rules.num_labels, "label")


def _check_steps(label: Any, rules: RowRules) -> None:
    if not label:
        raise RowFault("bad_label", "label", "it does not say of each step whether it is good")
    for number, item in enumerate(label):
        _check_index(item, rules.num_labels, f"label[{number}]")


def _check_index(label: Any, classes: int | None, field: str) -> None:
    if isinstance(label, bool) or not isinstance(label, int):
        raise RowFault("bad_label", field, f"{label!r} is no class from 0")
    if label < 0 or (classes is not None and label >= classes):
        limits = f"from 0 to {classes - 1}" if classes else "0 or more"
        raise RowFault("bad_label", field, f"{label} is not {limits}")


def is_number(value: Any) -> bool:
    """Whether it is a finite number, and no flag."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_groups(row: StandardRow, rules: RowRules) -> None:
    positives, negatives = row.get("positive_messages") or [], row.get("negative_messages") or []
    for side, groups in (("positive", positives), ("negative", negatives)):
        for number, messages in enumerate(groups):
            field = f"{side}_messages[{number}]"
            check_messages(messages, field)
            if not any(message["content"].strip() for message in messages):
                raise RowFault("no_messages", field, "it says nothing")
    if not positives and not (negatives and rules.task_type.endswith("reranker")):
        raise RowFault("no_positive", "positive_messages")
    label = row.get("label")
    if label is not None and not is_number(label):
        raise RowFault("bad_label", "label", f"{label!r} is no number")
