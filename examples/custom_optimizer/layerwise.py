"""The optimizer `layerwise`, a class: lower layers learn more slowly. And `sgd_with_restarts`, a function."""

import re
from typing import Any

import torch

from swift_lib.optimizers import OptimizerCallback, optimizers_map

LAYER = re.compile(r"\.layers\.(\d+)\.")
DECAY = 0.8


class Layerwise(OptimizerCallback):
    """AdamW in which a layer learns 0.8 times as fast as the one above it, embeddings slowest of all."""

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """One group for each depth; the scheduler moves all of their rates alike."""
        model = self.trainer.model if model is None else model
        groups: dict[int, list[torch.nn.Parameter]] = {}
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                found = LAYER.search(name)
                depth = int(found.group(1)) + 1 if found else 0 if "embed" in name else model.config.num_hidden_layers
                groups.setdefault(depth, []).append(parameter)
        rates = {depth: self.args.learning_rate * DECAY ** (max(groups) - depth) for depth in groups}
        print("rates by depth:", {depth: float(f"{rates[depth]:.3g}") for depth in sorted(rates)})
        return torch.optim.AdamW(
            [{"params": groups[depth], "lr": rates[depth]} for depth in sorted(groups)],
            weight_decay=self.args.weight_decay,
        )


def sgd_with_restarts(args: Any, model: Any, dataset: Any) -> tuple[Any, Any]:
    """The form of the 3.0 documents: called once, gives the optimizer and its scheduler (or None for the usual one)."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=args.learning_rate, momentum=0.9)
    print(f"a cosine of 10 steps, again and again, over {len(dataset)} rows")
    return optimizer, torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=10)


optimizers_map["layerwise"] = Layerwise
optimizers_map["sgd_with_restarts"] = sgd_with_restarts
