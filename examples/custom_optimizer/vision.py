"""The optimizer `slow_vision`: the vision tower of a multimodal model learns at a tenth of the rate."""

from typing import Any

import torch

from swift_lib.optimizers import OptimizerCallback, optimizers_map


class SlowVision(OptimizerCallback):
    """Which parameters are the vision tower's, the model's architecture says; what --optim names moves them."""

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Two groups."""
        model = self.trainer.model if model is None else model
        prefixes = tuple(model.model_meta.model_arch.vision_tower)
        vision, rest = [], []
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                (vision if name.removeprefix("base_model.model.").startswith(prefixes) else rest).append(parameter)
        cls, keywords = self.classes(model)
        return cls([{"params": rest}, {"params": vision, "lr": keywords["lr"] / 10}], **keywords)


optimizers_map["slow_vision"] = SlowVision
