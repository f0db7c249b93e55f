"""Bottleneck adapters (Houlsby et al. 2019, arXiv:1902.00751, section 2.1): h + up(act(down(h))).

One behind each attention and one behind each feed-forward block, in front of the sum with what the block was given.
"""

from typing import Any

import torch
from transformers.activations import ACT2FN

from swift_lib.core.errors import ArgumentError
from swift_lib.tuner_plugin.in_place import InPlaceTuner, layer_list, text_architecture

_NAME = "adapter"


class Bottleneck(torch.nn.Module):
    """Maps (..., width) to itself; `up` starts as zero, so that the sum starts as its input."""

    def __init__(self, width: int, length: int, activation: str) -> None:
        super().__init__()
        self.down = torch.nn.Linear(width, length)
        self.act = ACT2FN[activation]
        self.up = torch.nn.Linear(length, width)
        torch.nn.init.zeros_(self.up.weight)
        torch.nn.init.zeros_(self.up.bias)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """In the adapter's own precision; the result in that of `hidden`."""
        inner = self.act(self.down(hidden.to(self.down.weight.dtype)))
        return hidden + self.up(inner).to(hidden.dtype)


class AdapterTuner(InPlaceTuner):
    """`--adapter_length` is the bottleneck, `--adapter_act` the activation in it."""

    name = "adapter"

    @classmethod
    def options(cls, args: Any, model: Any) -> dict[str, Any]:
        """ArgumentError for an activation that transformers does not have."""
        if args.adapter_act not in ACT2FN:
            raise ArgumentError(
                [f"--adapter_act: must be one of {', '.join(sorted(ACT2FN))}, got {args.adapter_act!r}"]
            )
        return {"length": args.adapter_length, "act": args.adapter_act}

    @classmethod
    def build(cls, model: Any, options: dict[str, Any]) -> list[str]:
        """Hang an adapter on the last layer of each attention and on each feed-forward block."""
        keys = text_architecture(model, cls.name, "module_list", "o_proj", "mlp")
        width, added = model.config.get_text_config().hidden_size, []
        for index in range(len(layer_list(model, keys.module_list))):
            for path in (keys.o_proj, keys.mlp):
                name = path.format(index)
                place = model.get_submodule(name)
                module = Bottleneck(width, options["length"], options["act"])
                place.add_module(_NAME, module.to(next(place.parameters()).device))
                place.register_forward_hook(_through_adapter)
                added.append(f"{name}.{_NAME}")
        return added


def _through_adapter(module: torch.nn.Module, inputs: Any, output: Any) -> Any:
    adapter: Any = module.get_submodule(_NAME)
    if isinstance(output, tuple):  # experts return what their router said, too
        return (adapter(output[0]), *output[1:])
    return adapter(output)
