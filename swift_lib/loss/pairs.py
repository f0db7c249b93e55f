"""Losses of pairs of texts: each compares two embeddings with how alike they should be."""

from typing import Any

import torch
from torch.nn.functional import cosine_similarity, mse_loss

from swift_lib.core.errors import DataError
from swift_lib.loss.base import BaseLoss

MARGIN = 0.5
"""Cosine distance beyond which two texts that do not belong together are far enough from each other."""


def embeddings_of(outputs: Any) -> torch.Tensor:
    """The embeddings (texts, width) of a batch in float32."""
    embeddings = outputs["last_hidden_state"]
    assert embeddings.ndim == 2, f"embeddings of shape {tuple(embeddings.shape)} are not pooled"
    return embeddings.float()


def similarities(outputs: Any, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines of the texts at even places with those after them, and the labels, both (pairs,) float32.

    Raises DataError where there is not one label for two texts, as with rows that have negatives.
    """
    embeddings = embeddings_of(outputs)
    if embeddings.shape[0] != 2 * labels.numel():
        raise DataError(
            f"a batch has {embeddings.shape[0]} texts for {labels.numel()} labels, which are not pairs",
            fix="leave the negatives out, giving each pair a label, or train with --loss_type infonce",
        )
    return cosine_similarity(embeddings[0::2], embeddings[1::2]), labels.reshape(-1).float()


class CosineSimilarityLoss(BaseLoss):
    """Mean squared difference between a pair's cosine and its label, a degree of likeness.

    Reimers and Gurevych 2019, "Sentence-BERT" (arXiv 1908.10084), section 3, regression objective.
    """

    def __call__(self, outputs: Any, labels: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """labels: (pairs,), as the cosine should be."""
        cosines, wanted = similarities(outputs, labels)
        return mse_loss(cosines, wanted)


class ContrastiveLoss(BaseLoss):
    """Mean over pairs of y d^2 / 2 + (1 - y) max(0, m - d)^2 / 2, with cosine distance d = 1 - cos and margin m = 0.5.

    Hadsell, Chopra and LeCun 2006, "Dimensionality Reduction by Learning an Invariant Mapping", equation 4.
    """

    def __call__(self, outputs: Any, labels: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """labels: (pairs,), 1 for texts that belong together, 0 for others."""
        cosines, together = similarities(outputs, labels)
        distances = 1 - cosines
        return (together * distances.square() + (1 - together) * (MARGIN - distances).relu().square()).mean() / 2


class OnlineContrastiveLoss(BaseLoss):
    """The contrastive loss, summed, of a batch's hard pairs only.

    Hard are pairs of label 0 nearer than the farthest pair of label 1, and pairs of label 1 farther than the nearest
    of label 0. Where the batch has at most one of the other kind, the mean of a pair's own kind is the limit.
    """

    def __call__(self, outputs: Any, labels: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """labels: (pairs,), 1 for texts that belong together, 0 for others."""
        cosines, together = similarities(outputs, labels)
        distances = 1 - cosines
        near, far = distances[together == 1], distances[together == 0]
        hard_far = far[far < (near.max() if near.numel() > 1 else far.mean())]
        hard_near = near[near > (far.min() if far.numel() > 1 else near.mean())]
        return hard_near.square().sum() + (MARGIN - hard_far).relu().square().sum()
