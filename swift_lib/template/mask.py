"""From weighed pieces to runs, from a run's token ids to labels and weights, and cutting to a length."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from swift_lib.core.errors import TemplateError
from swift_lib.core.types import ContextType
from swift_lib.template.encode import Contexts, Piece

IGNORED = -100
TRUNCATION = ("raise", "delete", "left", "right", "split")


class MaxLengthError(TemplateError):
    """A row is longer than max_length and no truncation was chosen."""


@dataclass
class Run:
    """Neighbouring pieces of one side, prompt or reply, with one weight.

    A run is tokenised alone. Borders lie where a reply begins and ends whatever the weights, so that the ids of a
    prompt are the beginning of the ids of prompt and answer, and the loss rule does not change ids.
    """

    is_reply: bool
    weight: float
    pieces: list[Piece] = field(default_factory=list)

    def add(self, piece: Piece) -> None:
        """Append a piece; texts are joined."""
        if isinstance(piece, str) and self.pieces and isinstance(self.pieces[-1], str):
            self.pieces[-1] += piece
        else:
            self.pieces.append(piece)


def to_runs(
    contexts: Contexts, pieces: Sequence[Piece] | None = None, weights: Sequence[float] | None = None
) -> list[Run]:
    """Group pieces into runs.

    pieces, weights: the contexts as a loss scale has split and weighed them; None: unsplit, all of weight 0.
    """
    if pieces is None or weights is None:
        pieces, weights = contexts.pieces, [0.0] * len(contexts.pieces)
    weighed = iter([(piece, weight) for piece, weight in zip(pieces, weights, strict=True) if piece])
    runs: list[Run] = []
    for context, context_type in zip(contexts.pieces, contexts.types, strict=True):
        is_reply = context_type is not ContextType.OTHER
        left = len(context)
        while left > 0:
            piece, weight = next(weighed, ("", 0.0))
            left -= len(piece)
            if left < 0 or not piece:
                raise TemplateError("the loss scale's pieces joined are not the conversation", where=repr(context[:80]))
            if not runs or runs[-1].is_reply != is_reply or runs[-1].weight != weight:
                runs.append(Run(is_reply, weight))
            runs[-1].add(piece)
    return runs


def label(runs: Sequence[Run], tokens: Sequence[list[int]], suffix_ids: list[int]) -> dict[str, Any]:
    """Join the runs' ids (tokens[i] for runs[i]) and mask what is not trained.

    Gives input_ids, labels (-100 where the weight is 0) and, only where some weight is neither 0 nor 1, loss_scale.
    A prompt run after a trained one that begins with the suffix's ids ends the reply: these ids are trained too.
    """
    input_ids: list[int] = []
    labels: list[int] = []
    spans: list[tuple[int, float]] = []
    trained_before = False
    for run, ids in zip(runs, tokens, strict=True):
        if not ids:
            continue
        ending = 0
        if trained_before and run.weight == 0 and suffix_ids and ids[: len(suffix_ids)] == suffix_ids:
            ending = len(suffix_ids)
        input_ids += ids
        labels += ids if run.weight > 0 else ids[:ending] + [IGNORED] * (len(ids) - ending)
        spans += [(ending, 1.0), (len(ids) - ending, run.weight)]
        trained_before = run.weight > 0
    encoded: dict[str, Any] = {"input_ids": input_ids, "labels": labels}
    if any(weight not in (0.0, 1.0) for _, weight in spans):
        encoded["loss_scale"] = [weight for length, weight in spans for _ in range(length)]
    return encoded


def truncate(encoded: dict[str, Any], max_length: int | None, strategy: str) -> list[dict[str, Any]]:
    """Cut a row to `max_length` tokens: one row, or several with strategy `split`.

    left keeps the right end, right the left one. `raise` and `delete` raise MaxLengthError (the caller drops the row).
    """
    length = len(encoded["input_ids"])
    if max_length is None or length <= max_length:
        return [encoded]
    if strategy == "left":
        return [{key: value[-max_length:] for key, value in encoded.items()}]
    if strategy == "right":
        return [{key: value[:max_length] for key, value in encoded.items()}]
    if strategy == "split":
        starts = range(0, length, max_length)
        return [{key: value[start : start + max_length] for key, value in encoded.items()} for start in starts]
    raise MaxLengthError(
        f"the row has {length} tokens, max_length is {max_length}",
        fix="give a larger --max_length, or --truncation_strategy delete, left, right or (pre-training) split",
    )


def mask_first(encoded: dict[str, Any]) -> dict[str, Any]:
    """The first token has nothing before it to be predicted from: it is never trained."""
    if encoded.get("labels"):
        encoded["labels"][0] = IGNORED
    if encoded.get("loss_scale"):
        encoded["loss_scale"][0] = 0.0
    return encoded
