"""Replies generated while training, to the prompts of the validation rows (`--predict_with_generate`)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import EvalPrediction

from swift_lib.core.errors import TrainingError
from swift_lib.core.seeding import derive_seed
from swift_lib.infer_engine.generation import Row, generate_batch
from swift_lib.infer_engine.reply import Reply
from swift_lib.infer_engine.sampling import Sampling
from swift_lib.infer_engine.transformers_engine import stop_rules

IGNORED = -100


@dataclass(frozen=True)
class Generated:
    """The reply to a row's prompt, and the one that it should be: token ids without what ends a reply."""

    row_id: int
    prompt: list[int]
    reply: list[int]
    reference: list[int]


class Generator:
    """Generates with the model that is being trained, stopping where `swift infer` stops."""

    def __init__(
        self,
        template: Any,
        sampling: Sampling,
        *,
        max_new_tokens: int,
        seed: int,
        batch_size: int,
        stop_words: Sequence[str] = (),
    ) -> None:
        self._template, self._sampling, self._limit, self._seed = template, sampling, max_new_tokens, seed
        self._batch_size, self._stop_words = batch_size, list(stop_words)

    def replies(self, model: Any, rows: Sequence[Any], each: Callable[[], Any] = lambda: None) -> Iterator[Generated]:
        """A reply to each row (or to each row of each pack), drawn with a seed of its own; calls `each` per batch."""
        tokenizer = self._template.tokenizer
        rules = stop_rules(self._template, model.generation_config.eos_token_id).with_stops(self._stop_words)
        pad = tokenizer.pad_token_id
        flat = [row for entry in rows for row in (entry if isinstance(entry, list) else [entry])]
        if any(row.get("media") for row in flat):
            raise TrainingError(
                "replies to rows with images are not generated while training",
                where="--predict_with_generate",
                fix="leave it out, and ask the trained model with `swift eval`",
            )
        for start in range(0, len(flat), self._batch_size):
            cut = [_cut(row) for row in flat[start : start + self._batch_size]]
            work = [
                Row(prompt, Reply(tokenizer.decode, rules, self._limit), self._limit, derive_seed(self._seed, row_id))
                for row_id, prompt, _ in cut
            ]
            generate_batch(
                model, work, self._sampling, pad_id=pad if pad is not None else min(rules.ids), stop_ids=rules.ids
            )
            for (row_id, prompt, reference), row in zip(cut, work, strict=True):
                yield Generated(
                    row_id, prompt, self._template.skip_stop_tokens(row.reply.ids), _without(reference, rules.ids)
                )
            each()


def prediction(generated: Sequence[Generated]) -> EvalPrediction:
    """As metrics take it: predictions and label_ids, int64 of shape (rows, longest), -100 behind each."""
    return EvalPrediction(
        predictions=_padded([one.reply for one in generated]), label_ids=_padded([one.reference for one in generated])
    )


def _cut(row: Any) -> tuple[int, list[int], list[int]]:
    """A row's number, its tokens before the last reply that is trained, and that reply."""
    labels = row["labels"]
    end = max((at for at, label in enumerate(labels) if label != IGNORED), default=-1) + 1
    begin = end
    while begin and labels[begin - 1] != IGNORED:
        begin -= 1
    begin = max(begin, 1)  # a text that is trained from its start on is continued from its first token
    return int(row["row_id"]), list(row["input_ids"][:begin]), list(row["input_ids"][begin:end])


def _without(ids: list[int], ends: frozenset[int]) -> list[int]:
    """A reply up to the first token that ends one."""
    return ids[: next((at for at, token in enumerate(ids) if token in ends), len(ids))]


def _padded(rows: Sequence[list[int]]) -> np.ndarray:
    longest = max((len(row) for row in rows), default=0)
    return np.array([row + [IGNORED] * (longest - len(row)) for row in rows], dtype=np.int64).reshape(len(rows), -1)
