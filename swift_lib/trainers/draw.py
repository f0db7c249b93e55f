"""Which documents of a reranker's row are trained in which epoch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from swift_lib.core.errors import DataError
from swift_lib.core.seeding import derive_seed


@dataclass(frozen=True)
class DrawDocuments:
    """A pure function of (seed, epoch, row): no worker, process or resumed run sees other documents.

    Of a row's documents so many positives, each followed by so many negatives; None takes all. needs_positive: a row
    without one is refused, since groups are told apart by their positives.
    """

    seed: int
    positives: int | None = None
    negatives: int | None = None
    needs_positive: bool = True

    def __call__(self, row: Any, epoch: int) -> Any:
        """The row, or each row of a pack, with the chosen documents in their order. Raises DataError."""
        if not isinstance(row, Mapping):
            return [self(each, epoch) for each in row]
        labels = row["labels"]
        if labels is None:  # it counts nowhere
            return row
        chosen = self._chosen(labels, row["row_id"], epoch)
        each = {key for key, value in row.items() if isinstance(value, list) and len(value) == len(labels)}
        return {key: [value[i] for i in chosen] if key in each else value for key, value in row.items()}

    def _chosen(self, labels: Sequence[int], row_id: int, epoch: int) -> list[int]:
        fitting = [at for at, label in enumerate(labels) if label]
        others = [at for at, label in enumerate(labels) if not label]
        if self.needs_positive and not fitting:
            raise DataError(
                f"row {row_id} has no document that fits its query, and so no group",
                fix="give every row positive_messages, or train with --loss_type pointwise_reranker and no validation",
            )
        random = np.random.default_rng(derive_seed(self.seed, "documents", epoch, row_id))
        chosen: list[int] = []
        for positive in _draw(random, fitting, self.positives):
            chosen += [positive, *_draw(random, others, self.negatives)]
        return chosen or _draw(random, others, self.negatives)


def _draw(random: np.random.Generator, candidates: list[int], most: int | None) -> list[int]:
    if most is None or len(candidates) <= most:
        return candidates
    return [candidates[at] for at in random.choice(len(candidates), most, replace=False)]
