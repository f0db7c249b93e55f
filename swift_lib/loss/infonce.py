"""InfoNCE: an anchor's positive is to be told from everything else."""

import math
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from swift_lib.core.ranking import InfonceOptions, anchored
from swift_lib.loss.base import BaseLoss
from swift_lib.loss.collectives import gather_rows, processes
from swift_lib.loss.pairs import embeddings_of


class InfonceLoss(BaseLoss):
    """See `infonce`; the options are the environment's INFONCE_TEMPERATURE and so on."""

    def __init__(self, args: Any, trainer: Any) -> None:
        super().__init__(args, trainer)
        self.options = InfonceOptions.from_environment()

    def __call__(self, outputs: Any, labels: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """labels: of each text but the anchors, 1 for a positive, 0 for the negatives after it."""
        return infonce(embeddings_of(outputs), labels, self.options)


def infonce(embeddings: torch.Tensor, labels: torch.Tensor, options: InfonceOptions) -> torch.Tensor:
    """Mean over anchors q of -log(exp(q.p / T) / sum over candidates c of exp(q.c / T)).

    van den Oord, Li and Vinyals 2018, "Representation Learning with Contrastive Predictive Coding" (arXiv 1807.03748),
    equation 4; further candidates and the mask of false negatives as in Zhang et al. 2025, "Qwen3 Embedding" (arXiv
    2506.05176), equation 1, whose similarities are not divided by T where they are compared with the margin.

    embeddings: (texts, width), of length 1, groups of anchor, positive, negatives...; labels: of all but the anchors.
    With `use_batch` the anchors and documents of all processes take part, and every process computes the same value
    (its gradient: `gather_rows`). Returns a scalar; 0, with gradient 0, where no anchor has anything to be told from.
    """
    chosen = [_with_hard_negatives(places, options.hard_negatives) for places in anchored(labels.tolist())]
    anchors = embeddings[[group[0] for group in chosen]]
    documents = embeddings[[place for group in chosen for place in group[1:]]]
    sizes = torch.tensor([len(group) - 1 for group in chosen], dtype=torch.int64, device=embeddings.device)
    if options.use_batch and processes() > 1:
        anchors, documents, sizes = (gather_rows(rows)[0] for rows in (anchors, documents, sizes))
    positive = sizes.cumsum(0) - sizes  # (anchors,), places among the documents
    itself = torch.arange(anchors.shape[0], device=anchors.device)

    scores = anchors @ documents.T  # (anchors, documents)
    limit = scores[itself, positive].detach().unsqueeze(1) + options.fake_neg_margin
    if not options.use_batch:
        owners = itself.repeat_interleave(sizes)
        scores = scores.masked_fill(owners != itself.unsqueeze(1), -math.inf)
    columns = [scores]
    if options.include_qq:
        columns.append((anchors @ anchors.T).fill_diagonal_(-math.inf))
    if options.mask_fake_negative:
        columns = [column.masked_fill(column > limit, -math.inf) for column in columns]
    if options.include_dd:
        others = documents[positive] @ documents.T
        columns.append(others.index_put((itself, positive), others.new_tensor(-math.inf)))
    return cross_entropy(torch.cat(columns, dim=1) / options.temperature, positive)


def _with_hard_negatives(places: list[int], count: int | None) -> list[int]:
    """The places of a group with so many negatives; a group that has none stays as it is."""
    negatives = places[2:]
    if count is None or not negatives:
        return places
    if len(negatives) >= count:
        return places[: 2 + count]
    return places[:2] + [negatives[i] for i in torch.randint(len(negatives), (count,)).tolist()]
