"""LLaMA Pro (Wu et al. 2024, arXiv:2401.02415): new layers among the old ones, which alone are trained.

The layers are divided into groups; behind each stand copies of its last layer (section 3.2). A copy starts as identity:
what its attention and its feed-forward block write into the residual stream is zero (section 3.1).
"""

import copy
from typing import Any

import torch

from swift_lib.core.errors import ArgumentError, ModelError
from swift_lib.tuner_plugin.in_place import InPlaceTuner, layer_list, text_architecture


class LlamaProTuner(InPlaceTuner):
    """`--llamapro_num_new_blocks`, `--llamapro_num_groups`. Merged, it is a deeper model of the same class."""

    name = "llamapro"

    @classmethod
    def options(cls, args: Any, model: Any) -> dict[str, Any]:
        """Behind which layers the copies go. ArgumentError for groups that do not divide the layers."""
        keys = text_architecture(model, cls.name, "module_list", "o_proj", "down_proj")
        count, new = len(layer_list(model, keys.module_list)), args.llamapro_num_new_blocks
        groups = args.llamapro_num_groups or new
        if count % groups:
            fitting = [str(number) for number in range(1, count + 1) if count % number == 0 and new % number == 0]
            raise ArgumentError(
                [
                    f"--llamapro_num_groups: {groups} groups cannot share {count} layers equally; with "
                    f"{new} new blocks it can be {', '.join(fitting)}"
                ]
            )
        size = count // groups
        return {"copied": [size * (group + 1) - 1 for group in range(groups) for _ in range(new // groups)]}

    @classmethod
    def build(cls, model: Any, options: dict[str, Any]) -> list[str]:
        """Put the copies in, number all layers anew, say so in the configuration."""
        keys = text_architecture(model, cls.name, "module_list", "o_proj", "down_proj")
        layers = layer_list(model, keys.module_list)
        outputs = {path.rpartition(".")[2] for path in (keys.o_proj, keys.down_proj)}
        sources: list[tuple[int, bool]] = []  # for each layer: the old layer it is, and whether it is a copy
        for number in range(len(layers)):
            sources += [(number, False), *((number, True) for copied in options["copied"] if copied == number)]
        expanded = torch.nn.ModuleList(_silent(layers[old], outputs) if new else layers[old] for old, new in sources)
        _set_module(model, keys.module_list, expanded)
        for number, layer in enumerate(expanded):
            for module in layer.modules():
                if isinstance(getattr(module, "layer_idx", None), int):
                    module.layer_idx = number  # where in the cache its keys and values go
        _deepen(model.config, [old for old, _ in sources])
        _require_like_built(model)
        return [f"{keys.module_list}.{number}" for number, (_, new) in enumerate(sources) if new]

    @staticmethod
    def merge(model: Any) -> torch.nn.Module:
        """The model as it is: its new layers are layers of its class."""
        return model


def _silent(layer: torch.nn.Module, outputs: set[str]) -> torch.nn.Module:
    """A copy that adds nothing to the residual stream."""
    new = copy.deepcopy(layer)
    found = set()
    for name, parameter in new.named_parameters():
        if hit := outputs & set(name.split(".")):
            found |= hit
            torch.nn.init.zeros_(parameter)
    if found != outputs:
        raise ModelError(
            f"The model's layers have no {', '.join(sorted(outputs - found))}, which is to be 0 in a new layer",
            where="--tuner_type llamapro",
            fix="use --tuner_type lora for this model",
        )
    return new


def _set_module(model: torch.nn.Module, name: str, module: torch.nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, module)


def _deepen(config: Any, sources: list[int]) -> None:
    """The number of layers, and every list that has an entry for each of them."""
    old = config.num_hidden_layers
    for name, value in vars(config).items():
        if isinstance(value, list) and len(value) == old:
            setattr(config, name, [value[source] for source in sources])
    config.num_hidden_layers = len(sources)


def _require_like_built(model: Any) -> None:
    """The merged model is built from its configuration: that must give the same weights."""
    with torch.device("meta"):
        built = type(model)(copy.deepcopy(model.config))
    ours, theirs = ({name: tuple(p.shape) for name, p in one.named_parameters()} for one in (model, built))
    if ours != theirs:
        raise ModelError(
            "The model's layers differ by their number, so new ones cannot stand among them",
            where="--tuner_type llamapro",
            fix="use --tuner_type lora for this model",
        )
