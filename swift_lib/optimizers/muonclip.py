"""MuonClip: Muon, and query and key weights that are scaled down where attention logits grow too large."""

from types import MappingProxyType
from typing import Any

import torch

from swift_lib.core.errors import ArgumentError
from swift_lib.optimizers.attention_logits import Attention, measure, measured_attentions, take_maxima
from swift_lib.optimizers.muon import MUON_OPTIONS, MuonOptimizerCallback, MuonWithAdamW, Options

DEFAULT_TAU = 100.0


class MuonClip(MuonWithAdamW):
    """Muon with QK-Clip (Kimi K2, arXiv:2507.20534, section 2.1, algorithm 1).

    After a step, for each head h whose largest attention logit S in the step's forward passes is above `tau`, its
    logits are scaled by g = tau / S, by scaling rows of W_q and W_k (and their biases): with one key head for each
    query head both by sqrt(g). Where query heads share a key head, the keys are scaled by the root of the group's
    smallest g, and each query head by what is left of its own, so that every head's logits are scaled by its own g
    exactly.

    `max_logits` (layers, heads) are the last step's S, -inf where none was seen; over all processes.
    """

    def __init__(self, *args: Any, attentions: list[Attention], tau: float = DEFAULT_TAU, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.attentions, self.tau = attentions, tau
        self.max_logits = torch.empty(0)

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Muon's step, then the clip."""
        loss = super().step(closure)
        self.max_logits = take_maxima(self.attentions)
        factors = (self.tau / self.max_logits).where(self.max_logits > self.tau, torch.ones(()))
        for attention, by_head in zip(self.attentions, factors, strict=True):
            attention.scale(by_head)
        return loss


class MuonClipOptimizerCallback(MuonOptimizerCallback):
    """MuonClip. `--optim_args` takes Muon's options and `tau=100`."""

    name = "muonclip"
    options: Options = MappingProxyType({**MUON_OPTIONS, "tau": float})

    def __init__(self, args: Any, trainer: Any) -> None:
        super().__init__(args, trainer)
        if args.tuner_type != "full":
            raise ArgumentError(
                [f"--optimizer: muonclip scales the weights themselves; use --tuner_type full, not {args.tuner_type}"]
            )
        if self.given.get("tau", DEFAULT_TAU) <= 0:
            raise ArgumentError(["--optim_args: tau must be greater than 0"])

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """As Muon; from here on the model's attention is measured while it trains."""
        model = self.trainer.model if model is None else model
        attentions = measured_attentions(model)
        optimizer = MuonClip(
            *self.groups(model), **self.keywords(), attentions=attentions, tau=self.given.get("tau", DEFAULT_TAU)
        )
        measure(model)
        return optimizer
