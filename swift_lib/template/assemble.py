"""The encodings of a row's conversations as one result: cut to the length, put together, with the row's labels."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from swift_lib.core.errors import TemplateError
from swift_lib.template.inputs import getter
from swift_lib.template.mask import mask_first, truncate
from swift_lib.template.tasks import INFERENCE_MODES, PAIRED_MODES, RERANKERS, TOKEN_LABELLED, Part


def finish(template: Any, row: Any, parts: Sequence[Part], *, return_length: bool = False) -> Any:
    """Cut the conversations of a row, and put them together as the template's mode and task say.

    With truncation strategy `split` a list, of one result for each piece of the row. return_length: also the lengths.
    """
    cut = [_cut(template, part) for part in parts]
    if return_length:
        for pieces in cut:
            for piece in pieces:
                piece["length"] = len(piece["input_ids"])
    if template.truncation_strategy == "split":
        pieces_of_row = [[replace(parts[0], tokens=None, encoded=piece)] for piece in cut[0]]
        return [_completed(template, row, pieces, return_length) for pieces in pieces_of_row]
    whole = [replace(part, tokens=None, encoded=pieces[0]) for part, pieces in zip(parts, cut, strict=True)]
    return _completed(template, row, whole, return_length)


def _cut(template: Any, part: Part) -> list[dict[str, Any]]:
    encoded = part.as_dict()
    if not template.is_training or template.task_type not in TOKEN_LABELLED:
        encoded = {key: value for key, value in encoded.items() if key not in ("labels", "loss_scale")}
    pieces = truncate(encoded, template.max_length, template.truncation_strategy, template.placeholder_ids)
    return [mask_first(piece) for piece in pieces]


def _completed(template: Any, row: Any, parts: Sequence[Part], return_length: bool) -> dict[str, Any]:
    result = assemble(row, parts, template.mode, template.task_type)
    if return_length:
        result["lengths"] = [part.encoded["length"] for part in parts]
    inputs = parts[0].inputs
    assert inputs is not None
    if template.is_training and inputs.channel is not None:
        result["channel"] = inputs.channel
    if not template.remove_unused_columns and inputs.extra:
        result["_extra_kwargs"] = inputs.extra
    return result


def assemble(row: Any, parts: Sequence[Part], mode: str, task_type: str) -> dict[str, Any]:
    """The encodings of a row's conversations as one result, with its labels.

    Pairs have prefixed keys; embeddings `anchor_`, `positive_` and, as lists over the negatives, `negative_`; rerankers
    a list over the documents under every key.
    """
    first = parts[0].encoded
    if mode in INFERENCE_MODES:
        return first
    if mode in PAIRED_MODES:
        result = {f"{part.role}_{key}": value for part in parts for key, value in part.encoded.items()}
    elif task_type == "embedding":
        result = {f"{part.role}_{key}": value for part in parts[:2] for key, value in part.encoded.items()}
        result |= {f"negative_{key}": values for key, values in _columns(parts[2:]).items()}
    elif task_type in RERANKERS:
        result = _columns(parts)
    else:
        result = dict(first)
    label, margin = labels_of(row, parts, mode, task_type)
    if label is not None:
        result["label" if mode == "kto" or task_type == "prm" else "labels"] = label
    if margin is not None:
        result["margin"] = margin
    return result


def _columns(parts: Sequence[Part]) -> dict[str, list[Any]]:
    keys = list(dict.fromkeys(key for part in parts for key in part.encoded))
    return {key: [part.encoded.get(key) for part in parts] for key in keys}


def labels_of(row: Any, parts: Sequence[Part], mode: str, task_type: str) -> tuple[Any, float | None]:
    """A training row's label that is no tokens, and its margin."""
    get = getter(row)
    label = get("label")
    if mode == "rlhf":
        margin = get("margin")
        if margin is not None and not _is_number(margin):
            raise TemplateError(f"margin is {margin!r}, not a number")
        return None, None if margin is None else float(margin)
    if mode == "kto":
        if not isinstance(label, bool) and label not in (0, 1):
            raise TemplateError(f"label is {label!r}", fix="give true for a good answer, false for a bad one")
        return bool(label), None
    if task_type == "embedding":
        if label is not None and not _is_number(label):
            raise TemplateError(f"label is {label!r}, not a similarity")
        return [1.0 if label is None else float(label), *(0.0 for part in parts if part.role == "negative")], None
    if task_type in RERANKERS:
        return [int(part.role == "positive") for part in parts], None
    if task_type == "seq_cls":
        return _class_label(label), None
    if task_type == "prm" and label is not None:
        return _class_label(label if isinstance(label, list | tuple) else [label]), None
    return None, None


def _class_label(label: Any) -> Any:
    """A class, several classes (multi-label), or a number to predict."""
    if isinstance(label, list | tuple) and all(_is_number(item) for item in label):
        return list(label)
    if not isinstance(label, bool) and not _is_number(label):
        raise TemplateError(f"label is {label!r}", fix="give a class number, a list of them, or a value to predict")
    return int(label) if isinstance(label, bool) else label


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
