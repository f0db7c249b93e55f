"""Rates of their own for the vision tower and for what joins it to the language model."""

from typing import Any

import torch

from swift_lib.core.errors import ArgumentError
from swift_lib.core.types import MultiModelKeys
from swift_lib.model.arch import part_of
from swift_lib.optimizers.base import OptimizerCallback

_WRAPPER = "base_model.model."  # peft's, in front of every name


class MultimodalOptimizerCallback(OptimizerCallback):
    """Six groups: vision tower, aligner and the rest, each with and without weight decay.

    `vit_lr` and `aligner_lr` are the rates of the first two; where one is not given it is `learning_rate`. An aligner
    inside the vision tower is aligner. Groups of parts that are not trained are left out.
    """

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """The groups, of what --optim names; each says in `part` what it is of."""
        model = self.trainer.model if model is None else model
        cls, keywords = self.classes(model)
        groups = self.groups(model, keywords["lr"])
        return cls(groups, **keywords)

    def groups(self, model: Any, learning_rate: float) -> list[dict[str, Any]]:
        """The parameters by part and decay. Raises ArgumentError for a model of one part."""
        keys = getattr(getattr(model, "model_meta", None), "model_arch", None)
        if not isinstance(keys, MultiModelKeys):
            raise ArgumentError(["--vit_lr, --aligner_lr: the model's ModelMeta names no model_arch with such parts"])
        rates = {
            "vision_tower": getattr(self.args, "vit_lr", None) or learning_rate,
            "aligner": getattr(self.args, "aligner_lr", None) or learning_rate,
            "language_model": learning_rate,
        }
        decaying = set(self.trainer.get_decay_parameter_names(model))
        found: dict[tuple[str, bool], list[torch.nn.Parameter]] = {}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                part = part_of(name.removeprefix(_WRAPPER), keys)
                place = (part if part in rates else "language_model", name in decaying)
                found.setdefault(place, []).append(parameter)
        for part, rate in rates.items():
            if rate != learning_rate and not any(place[0] == part for place in found):
                flag, freeze = ("vit_lr", "freeze_vit") if part == "vision_tower" else ("aligner_lr", "freeze_aligner")
                raise ArgumentError([f"--{flag}: nothing of the {part} is trained; give --{freeze} false"])
        return [
            {
                "params": found[part, decays],
                "lr": rate,
                "weight_decay": self.trainer.args.weight_decay if decays else 0.0,
                "part": part,
            }
            for part, rate in rates.items()
            for decays in (True, False)
            if (part, decays) in found
        ]
