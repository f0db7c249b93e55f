"""Losses of decisions: one choice among a question's options, whose wanted probabilities are the labels.

No task trains on them yet; what they take: `outputs.logits` (questions, options) float; labels, of the same shape, the
wanted probabilities, -100 where a question has fewer options. `outputs.ordinal`, (questions,) bool, says whose options
have an order (ratings, for one); without it, all have.
"""

from typing import Any

import torch

from swift_lib.core import environment
from swift_lib.loss.base import BaseLoss, logits_of

IGNORED = -100
RPS_WEIGHT = 0.5


class Decision:
    """A batch of questions, as the losses need it: float32, options that are not there have probability 0."""

    def __init__(self, outputs: Any, labels: torch.Tensor) -> None:
        logits = logits_of(outputs).float()
        self.there = labels != IGNORED
        self.options = self.there.sum(1)
        self.wanted = labels.float().masked_fill(~self.there, 0)
        self.log_p = logits.masked_fill(~self.there, -torch.inf).log_softmax(1)
        ordinal = outputs.get("ordinal") if isinstance(outputs, dict) else getattr(outputs, "ordinal", None)
        self.ordinal = torch.ones_like(self.options, dtype=torch.bool) if ordinal is None else ordinal.bool()

    def cross_entropy(self, smoothing: float = 0.0) -> torch.Tensor:
        """Mean over questions of -sum over options of t log p; smoothing mixes the wanted t with equal shares."""
        wanted = (1 - smoothing) * self.wanted + smoothing * self.there / self.options.unsqueeze(1)
        return -(wanted * self.log_p.masked_fill(~self.there, 0)).sum(1).mean()

    def brier(self) -> torch.Tensor:
        """Mean over questions of the squared distance of p and t (Brier 1950)."""
        return (self.log_p.exp() - self.wanted).square().sum(1).mean()

    def rps(self) -> torch.Tensor:
        """Ranked probability score: squared distance of the sums up to each option, over options - 1 (Epstein 1969).

        Mean over all questions, of which those without order count 0.
        """
        gaps = (self.log_p.exp() - self.wanted).cumsum(1).masked_fill(~self.there, 0)
        each = gaps.square().sum(1) / (self.options - 1).clamp(min=1)
        return (each * self.ordinal).mean()


class ScoringLoss(BaseLoss):
    """Cross entropy with the wanted probabilities."""

    def __call__(self, outputs: Any, labels: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """labels: (questions, options)."""
        return Decision(outputs, labels).cross_entropy()


class DistillRpsLoss(BaseLoss):
    """Cross entropy, and half the ranked probability score of questions whose options have an order."""

    def __call__(self, outputs: Any, labels: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """labels: (questions, options)."""
        decision = Decision(outputs, labels)
        return decision.cross_entropy() + RPS_WEIGHT * decision.rps()


class SmoothBrierLoss(BaseLoss):
    """Cross entropy with smoothed labels, and the Brier score: CLEF_LABEL_SMOOTHING (0.1), CLEF_BRIER_WEIGHT (1)."""

    def __init__(self, args: Any, trainer: Any) -> None:
        super().__init__(args, trainer)
        self.smoothing = environment.number("CLEF_LABEL_SMOOTHING", 0.1)
        self.brier_weight = environment.number("CLEF_BRIER_WEIGHT", 1.0)

    def __call__(self, outputs: Any, labels: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """labels: (questions, options)."""
        decision = Decision(outputs, labels)
        return decision.cross_entropy(self.smoothing) + self.brier_weight * decision.brier()


class CeRpsLoss(BaseLoss):
    """Cross entropy, and OMNIJEV_RPS_WEIGHT (0.5) times the ranked probability score."""

    def __init__(self, args: Any, trainer: Any) -> None:
        super().__init__(args, trainer)
        self.rps_weight = environment.number("OMNIJEV_RPS_WEIGHT", RPS_WEIGHT)

    def __call__(self, outputs: Any, labels: torch.Tensor, **kwargs: Any) -> torch.Tensor:
        """labels: (questions, options)."""
        decision = Decision(outputs, labels)
        return decision.cross_entropy() + self.rps_weight * decision.rps()
