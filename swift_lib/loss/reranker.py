"""Losses of rerankers: scores of documents, groups of which belong to one query."""

from typing import Any

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from swift_lib.core import environment
from swift_lib.core.ranking import groups
from swift_lib.loss.base import BaseLoss, logits_of


def scores_of(outputs: Any) -> torch.Tensor:
    """The scores (documents,) of a batch in float32, from logits (documents, 1)."""
    return logits_of(outputs).squeeze(1).float()


def generative_scores(logits: torch.Tensor, positive_id: int, negative_id: int) -> torch.Tensor:
    """What a generative reranker says of documents: logit of its word for yes less that of its word for no.

    logits: (documents, vocabulary), of the place where the answer stands. Returns (documents, 1), as classifiers do, so
    that the same losses train both; its sigmoid is p(yes) / (p(yes) + p(no)).
    """
    return (logits[:, positive_id] - logits[:, negative_id]).unsqueeze(1)


class PointwiseRerankerLoss(BaseLoss):
    """Mean binary cross entropy of each document's score with its label.

    Nogueira and Cho 2019, "Passage Re-ranking with BERT" (arXiv 1901.04085), equation 1.
    """

    def __call__(self, outputs: Any, labels: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """labels: (documents,), 1 for one that fits its query, else 0."""
        return binary_cross_entropy_with_logits(scores_of(outputs), labels.float())


class ListwiseRerankerLoss(BaseLoss):
    """Mean over groups of -log softmax(scores / T) of the group's first document, the one that fits.

    Cao et al. 2007, "Learning to Rank: From Pairwise Approach to Listwise Approach", section 4, of top one. The
    environment's LISTWISE_RERANKER_TEMPERATURE is T (1), LISTWISE_RERANKER_MIN_GROUP_SIZE (2) the fewest documents of
    a group that counts. Without such a group the loss is 0.
    """

    def __init__(self, args: Any, trainer: Any) -> None:
        super().__init__(args, trainer)
        self.temperature = environment.number("LISTWISE_RERANKER_TEMPERATURE", 1.0, above=True)
        self.min_group_size = environment.count("LISTWISE_RERANKER_MIN_GROUP_SIZE", 2) or 2

    def __call__(self, outputs: Any, labels: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """labels: (documents,), 1 begins a group, 0 for its others."""
        scores = scores_of(outputs) / self.temperature
        counted = [group for group in groups(labels.tolist()) if len(group) >= self.min_group_size]
        if not counted:
            return scores.sum() * 0  # part of the graph, so that backward works
        first = torch.zeros((), dtype=torch.int64, device=scores.device)
        return torch.stack([cross_entropy(scores[group.start : group.stop], first) for group in counted]).mean()
