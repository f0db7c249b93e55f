"""Encoded rows of several sequences (pairs, groups) to the plain rows of one batch, and what goes with them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from swift_lib.core.errors import TemplateError
from swift_lib.template.steps import judged
from swift_lib.template.tasks import RERANKERS

Row = Mapping[str, Any]
_NOT_A_SEQUENCE = ("labels", "label", "margin", "channel", "extra", "row_id", "length", "lengths", "_extra_kwargs")


class Sampler:
    """Which documents of a reranker's row are trained: so many that fit, and for each so many that do not."""

    def __init__(self, positives: int, negatives: int) -> None:
        self.positives, self.negatives = positives, negatives
        self._random = np.random.RandomState(42)

    def choose(self, labels: Sequence[int]) -> list[int]:
        """Indices into a row's documents, drawn anew each time: a positive, its negatives, the next positive ..."""
        sides = [[i for i, label in enumerate(labels) if bool(label) == wanted] for wanted in (True, False)]
        chosen: list[int] = []
        for positive in self._draw(sides[0], self.positives):
            chosen += [positive, *self._draw(sides[1], self.negatives)]
        return chosen or self._draw(sides[1], self.negatives)

    def _draw(self, candidates: list[int], most: int) -> list[int]:
        count = min(most, len(candidates))
        return [candidates[i] for i in self._random.choice(len(candidates), count, replace=False)] if count else []


def side(row: Row, prefix: str) -> dict[str, Any]:
    """The fields of one sequence of a row, by their names without the prefix."""
    return {key.removeprefix(prefix): value for key, value in row.items() if key.startswith(prefix)}


class AllDocuments:
    """In a Sampler's place where rows were sampled before: every document, in its order."""

    def choose(self, labels: Sequence[int]) -> list[int]:
        """All indices."""
        return list(range(len(labels)))


def pairs(batch: Sequence[Row]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """All chosen rows, then all rejected ones; with them the margins, where some row has one (0 for the others)."""
    rows = [side(row, prefix) for prefix in ("chosen_", "rejected_") for row in batch]
    margins = [row.get("margin") for row in batch]
    if all(margin is None for margin in margins):
        return rows, {}
    return rows, {"margin": torch.tensor([0.0 if margin is None else float(margin) for margin in margins])}


def anchors(batch: Sequence[Row]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Anchor, positive and negatives of each row, one after the other, and their labels (float; none of a row for
    which they are None).
    """
    rows: list[dict[str, Any]] = []
    labels: list[float] = []
    for row in batch:
        negatives = side(row, "negative_")
        count = len(negatives.get("input_ids") or ())
        rows += [side(row, "anchor_"), side(row, "positive_")]
        rows += [_at(negatives, i) for i in range(count)]
        labels += row["labels"] or []
    return rows, {"labels": torch.tensor(labels, dtype=torch.float32)}


def documents(batch: Sequence[Row], sampler: Sampler | AllDocuments) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The chosen documents of each row, one after the other, and their labels (int64).

    Of a row whose labels are None the first document, without a label.
    """
    rows: list[dict[str, Any]] = []
    labels: list[int] = []
    for row in batch:
        fields = {key: value for key, value in row.items() if key not in _NOT_A_SEQUENCE}
        if row["labels"] is None:
            rows.append(_at(fields, 0))
            continue
        for i in sampler.choose(row["labels"]):
            rows.append(_at(fields, i))
            labels.append(int(row["labels"][i]))
    return rows, {"labels": torch.tensor(labels, dtype=torch.int64)}


def classes(
    batch: Sequence[Row], num_labels: int | None, problem_type: str | None = None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows, and their labels, but for those that are None.

    regression: float32, (rows,) or (rows, num_labels); single_label_classification: int64; multi_label_classification:
    0 and 1 as float32, (rows, num_labels), of lists of classes. Without a problem type the labels' own form decides.
    """
    rows = [{key: value for key, value in row.items() if key != "labels"} for row in batch]
    labels = [row["labels"] for row in batch if row["labels"] is not None]
    several = any(isinstance(label, list | tuple) for label in labels)
    if problem_type == "regression":
        return rows, {"labels": torch.tensor(labels, dtype=torch.float32)}
    if problem_type == "single_label_classification" or not (several or problem_type):
        is_class = all(isinstance(label, int) for label in labels)
        return rows, {"labels": torch.tensor(labels, dtype=torch.int64 if is_class else torch.float32)}
    if num_labels is None:
        raise TemplateError("rows have several classes, and their number is not known", fix="give --num_labels")
    hot = torch.zeros(len(labels), num_labels)
    for i, label in enumerate(labels):
        hot[i, list(label) if isinstance(label, list | tuple) else [label]] = 1.0
    return rows, {"labels": hot}


def _at(fields: Row, index: int) -> dict[str, Any]:
    values = {key: value[index] for key, value in fields.items() if isinstance(value, list | tuple)}
    return {key: value for key, value in values.items() if value is not None}


def collate_groups(
    batch: Sequence[Row | Sequence[Row]], template: Any, pad: Callable[[Sequence[Row]], dict[str, Any]]
) -> dict[str, Any]:
    """The training batch of rows (or packs of rows) encoded in the template's mode and for its task.

    pad: makes a batch of plain rows.
    """
    rows = [row for entry in batch for row in ([entry] if isinstance(entry, Mapping) else entry)]
    if template.mode == "kto":
        return _marked_replies(rows, pad)
    if template.mode == "rlhf":
        flat, more = pairs(rows)
    elif template.task_type == "embedding":
        flat, more = anchors(rows)
    elif template.task_type in RERANKERS:
        flat, more = documents(rows, template.sampler)
    elif template.task_type == "seq_cls":
        info = getattr(template.processor, "model_info", None)
        flat, more = classes(rows, getattr(info, "num_labels", None), getattr(info, "problem_type", None))
    elif template.task_type == "prm":
        return pad(judged(rows))
    else:
        return pad(rows)
    return {**pad(flat), **more}


def _marked_replies(batch: Sequence[Row], pad: Callable[[Sequence[Row]], dict[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, prefix in (("completion_", "chosen_"), ("KL_completion_", "rejected_")):
        rows = [side(row, prefix) for row in batch]
        if all(rows):
            result |= {name + key: value for key, value in pad(rows).items()}
    return {**result, "label": [row["label"] for row in batch]}
