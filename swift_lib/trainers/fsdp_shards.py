"""PyTorch's way of spreading: FSDP2, each parameter cut along its first dimension."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import CheckpointWrapper
from torch.distributed.tensor import DTensor, distribute_tensor

from swift_lib.trainers.shards import OptimizerState, kept, named, numbered, plain_name


class FsdpShards:
    """model: after `fully_shard`; optimizer: over its parameters; names: of those before that, by group.

    dtypes: in which the parameters were loaded or made.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        names: Sequence[Sequence[str]],
        dtypes: Mapping[str, torch.dtype],
    ) -> None:
        self._optimizer, self._names, self._dtypes = optimizer, names, dtypes
        self._parameters = {plain_name(name): parameter for name, parameter in model.named_parameters()}

    def whole(self, name: str, parameter: torch.nn.Parameter) -> torch.Tensor:
        """See Shards."""
        return kept(_whole(parameter))

    def masters(self) -> Iterator[tuple[str, torch.Tensor]]:
        """See Shards. Trained parameters are float32 under mixed precision, whatever they were loaded in."""
        for name in self._trained:
            if self._parameters[name].dtype != self._dtypes.get(name, torch.float32):
                yield name, kept(_whole(self._parameters[name]))

    def load_masters(self, masters: Mapping[str, torch.Tensor]) -> None:
        """See Shards."""
        with torch.no_grad():
            for name in self._trained:
                if name in masters:
                    self._parameters[name].copy_(_spread(masters[name], self._parameters[name]))

    def optimizer(self) -> OptimizerState:
        """See Shards."""
        states = {}
        for name in self._trained:
            state = self._optimizer.state.get(self._parameters[name], {})
            states[name] = {key: kept(_whole(value)) for key, value in state.items()}
        return numbered(self._optimizer.param_groups, self._names, {name: s for name, s in states.items() if s})

    def load_optimizer(self, state: OptimizerState) -> None:
        """See Shards."""
        states = named(state, self._names)
        for name, values in states.items():
            parameter = self._parameters[name]
            spread = {key: _spread(value, parameter) for key, value in values.items() if value.shape == parameter.shape}
            values.update(spread)
        self._optimizer.load_state_dict(numbered(state["param_groups"], self._names, states))

    @property
    def _trained(self) -> Iterator[str]:
        return (name for group in self._names for name in group)


def _whole(value: Any) -> torch.Tensor:
    return value.full_tensor() if isinstance(value, DTensor) else torch.as_tensor(value)


def _spread(value: torch.Tensor, like: Any) -> torch.Tensor:
    """Cut as `like` is cut; every process has all of it, so that nothing is sent."""
    if not isinstance(like, DTensor):
        return value
    local = like.to_local().device
    return distribute_tensor(value.to(local), like.device_mesh, like.placements, src_data_rank=None)


@contextmanager
def plain_tree(model: torch.nn.Module) -> Iterator[None]:
    """Modules by the names that they had before activations were computed twice: peft finds its own by them."""
    wrapped = [
        (parent, name, child)
        for parent in list(model.modules())
        for name, child in parent._modules.items()
        if isinstance(child, CheckpointWrapper)
    ]
    for parent, name, child in wrapped:
        parent._modules[name] = child._checkpoint_wrapped_module
    try:
        yield
    finally:
        for parent, name, child in wrapped:
            parent._modules[name] = child
