"""Replies in steps, each of which is judged (process rewards): a mark ends every step, and there stands the label."""

from collections.abc import Mapping, Sequence
from typing import Any

from swift_lib.core.errors import TemplateError
from swift_lib.core.types import ContextType
from swift_lib.template.encode import Contexts
from swift_lib.template.inputs import Piece
from swift_lib.template.mask import IGNORED


def end_steps(messages: Sequence[dict[str, Any]], mark: str) -> None:
    """Split every reply into its steps, in place; each ends with the mark, the last one too. Blank ones join others."""
    for message in messages:
        content = message["content"]
        if message["role"] != "assistant" or content is None:
            continue
        steps: list[str] = []
        for segment in content if isinstance(content, list) else [content]:
            steps += _steps(segment, mark)
        message["content"] = steps
        for key in ("loss", "loss_scale"):  # of the segments that were: here only labels count
            message.pop(key, None)


def _steps(segment: str, mark: str) -> list[str]:
    steps, before = [], ""
    parts = segment.split(mark)
    for part in parts[:-1]:
        if part.strip():
            steps.append(before + part + mark)
            before = ""
        elif steps:
            steps[-1] += part + mark
        else:
            before += part + mark
    if parts[-1].strip() or not steps:
        steps.append(before + parts[-1] + mark)
    return steps


def marked(contexts: Contexts, mark: str) -> tuple[list[Piece], list[float]]:
    """The pieces of a conversation whose replies are steps, and weights: 1 for the mark of a step, 0 for all else."""
    pieces: list[Piece] = []
    weights: list[float] = []
    for piece, context_type in zip(contexts.pieces, contexts.types, strict=True):
        if context_type is ContextType.RESPONSE and isinstance(piece, str) and piece.endswith(mark):
            pieces += [piece[: -len(mark)], mark]
            weights += [0.0, 1.0]
        else:
            pieces.append(piece)
            weights.append(0.0)
    return pieces, weights


def step_ends(labels: Sequence[int]) -> list[int]:
    """The last position of each run of labels that are not -100."""
    following = [*labels[1:], IGNORED]
    return [at for at, label in enumerate(labels) if label != IGNORED and following[at] == IGNORED]


def judged(batch: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows with a step's class (`label`, one for each step) as the label of its mark's last token, -100 elsewhere.

    Not shifted: the model says at that token what it thinks of the step. Rows without `label` stay as they are.
    """
    rows = []
    for row in batch:
        classes = row.get("label")
        if classes is not None:
            labels, ends = [IGNORED] * len(row["labels"]), step_ends(row["labels"])
            if ends and len(ends) != len(classes):
                raise TemplateError(f"{len(classes)} labels for {len(ends)} steps", where=f"row {row.get('row_id')}")
            for at, label in zip(ends, classes, strict=False):
                labels[at] = int(label)
            row = {**row, "labels": labels}
        rows.append(dict(row))
    return rows
