"""Weights and optimizer state that lie in pieces on several processes, and their ordinary forms.

Checkpoints hold the ordinary forms in every mode: the files that the tuner writes, and optimizer.pt as torch writes it.
So any number of processes goes on from them, in any mode.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors.torch import load_file, save_file

OPTIMIZER, MASTERS = "optimizer.pt", "master_weights.safetensors"

OptimizerState = dict[str, Any]
"""As torch's Optimizer.state_dict(): `state` by position, `param_groups` with positions."""


class Shards(Protocol):
    """One way of spreading. All processes call every method at once; what is whole is on the CPU, in the first only."""

    def whole(self, name: str, parameter: torch.nn.Parameter) -> torch.Tensor:
        """A parameter in its own precision, or better where a better one is kept; (0,) in all but the first process."""

    def masters(self) -> Iterator[tuple[str, torch.Tensor]]:
        """Trained parameters as the optimizer sees them, float32, where those are others than the model's."""

    def load_masters(self, masters: Mapping[str, torch.Tensor]) -> None:
        """Undo `masters`; every process has all of them."""

    def optimizer(self) -> OptimizerState:
        """The optimizer's state; empty in all but the first process."""

    def load_optimizer(self, state: OptimizerState) -> None:
        """Undo `optimizer`; every process has all of it."""


def group_names(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> list[list[str]]:
    """Names of an optimizer's parameters in its order, by group: what positions in its state stand for."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [[names[id(parameter)] for parameter in group["params"]] for group in optimizer.param_groups]


def numbered(
    groups: Sequence[Mapping[str, Any]], names: Sequence[Sequence[str]], states: Mapping[str, Mapping[str, Any]]
) -> OptimizerState:
    """State by name in torch's form. groups: options of each group, whatever its `params`."""
    order = [name for group in names for name in group]
    positions = {name: at for at, name in enumerate(order)}
    made = [
        {**{key: value for key, value in group.items() if key != "params"}, "params": [positions[name] for name in own]}
        for group, own in zip(groups, names, strict=True)
    ]
    return {"state": {positions[name]: dict(state) for name, state in states.items()}, "param_groups": made}


def named(state: OptimizerState, names: Sequence[Sequence[str]]) -> dict[str, dict[str, Any]]:
    """Undo `numbered`: state by name. ValueError where the state is of other parameters."""
    order = [name for group in names for name in group]
    stored = [position for group in state["param_groups"] for position in group["params"]]
    if len(stored) != len(order) or [len(group["params"]) for group in state["param_groups"]] != list(map(len, names)):
        raise ValueError(f"it is of {len(stored)} parameters in {len(state['param_groups'])} groups")
    by_position = dict(zip(stored, order, strict=True))
    return {by_position[position]: dict(values) for position, values in state["state"].items()}


def take_options(groups: Sequence[dict[str, Any]], stored: Sequence[Mapping[str, Any]]) -> None:
    """Learning rates and other options of the groups, as they were stored."""
    for group, before in zip(groups, stored, strict=True):
        group.update({key: value for key, value in before.items() if key != "params" and key in group})


def plain_name(name: str) -> str:
    """A parameter's name without what checkpointing of activations puts into it."""
    return name.replace("_checkpoint_wrapped_module.", "")


def is_first() -> bool:
    """Whether this process keeps what is whole."""
    return not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0


def kept(value: torch.Tensor) -> torch.Tensor:
    """On the CPU, a copy of its own; nothing in all but the first process."""
    return value.detach().to("cpu", copy=True) if is_first() else torch.empty(0)


def whole_weights(
    model: torch.nn.Module,
    shards: Shards,
    wanted: Callable[[str, torch.nn.Parameter], bool],
    dtypes: Mapping[str, torch.dtype],
) -> dict[str, torch.Tensor]:
    """A state dict of the wanted parameters and of the buffers that are saved; empty in all but the first process.

    dtypes: in which the weights were loaded or made, and are written.
    """
    found = {}
    for name, parameter in model.named_parameters():
        if wanted(name, parameter):
            value = shards.whole(name, parameter)
            found[plain_name(name)] = value.to(dtypes.get(plain_name(name), value.dtype))
    saved = model.state_dict().keys()
    found.update({name: kept(buffer) for name, buffer in model.named_buffers() if name in saved})
    return found if is_first() else {}


def write_masters(shards: Shards, folder: Path) -> None:
    """Write what the weights' own precision would lose, where there is such a thing."""
    masters = dict(shards.masters())
    if masters and is_first():
        save_file(masters, folder / MASTERS)


def read_masters(shards: Shards, folder: Path) -> None:
    """Undo `write_masters`; from a checkpoint without them the weights are gone on with as they are."""
    if (folder / MASTERS).is_file():
        shards.load_masters(load_file(folder / MASTERS))
