"""LoRA+: the two matrices of an adapter learn at different rates."""

from typing import Any

import peft
import torch
from peft.optimizers import create_loraplus_optimizer

from swift_lib.core.errors import ArgumentError
from swift_lib.optimizers.base import OptimizerCallback


class LorapOptimizerCallback(OptimizerCallback):
    """LoRA+ (Hayou et al. 2024, arXiv:2402.12354) through peft: B, which starts as 0, learns `lorap_lr_ratio` times
    as fast as A.

    Without adapters (tuner_type full) there is no B: weights with and without decay, as by default.
    """

    def __init__(self, args: Any, trainer: Any) -> None:
        super().__init__(args, trainer)
        self.ratio = getattr(args, "lorap_lr_ratio", None)
        if not self.ratio:
            raise ArgumentError(["--lorap_lr_ratio: required by --optimizer lorap; the paper's is 16"])

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Groups A, embeddings, B with decay and B without, of what --optim names."""
        model = self.trainer.model if model is None else model
        if not isinstance(model, peft.PeftModel):
            return super().create_optimizer(model)
        cls, keywords = self.classes(model)
        return create_loraplus_optimizer(
            model,
            cls,
            loraplus_lr_ratio=self.ratio,
            loraplus_weight_decay=self.trainer.args.weight_decay,
            **keywords,
        )
