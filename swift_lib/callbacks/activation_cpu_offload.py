"""Keep what the backward pass needs in the memory of the CPU."""

from typing import Any

import torch
from transformers import TrainerControl, TrainerState, TrainingArguments

from swift_lib.callbacks.base import TrainerCallback

_SMALLEST = 1024  # elements; below that a transfer costs more than it frees


class ActivationCpuOffloadCallback(TrainerCallback):
    """Move the tensors that autograd saves in the forward pass to the CPU, and back when they are used.

    Parameters, and views of them, stay where they are, as does what is smaller than a transfer is worth. With gradient
    checkpointing it is the layers' inputs that are moved. To and from a GPU through pinned memory. Values do not
    change: the gradients are the same bit for bit.

    Named with --callbacks, or by `"activation_cpu_offload": true` in --fsdp_config. `moved_bytes` is what the forward
    passes of the last step moved.
    """

    def __init__(self, args: Any = None, trainer: Any = None) -> None:
        super().__init__(args, trainer)
        self.moved_bytes = 0
        self._parameters: frozenset[int] = frozenset()
        self._hooks: list[Any] = []
        self._saving: list[torch.autograd.graph.saved_tensors_hooks] = []

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        **kwargs: Any,
    ) -> None:
        """Stand around the model's forward."""
        self._hooks = [
            model.register_forward_pre_hook(self._before),
            model.register_forward_hook(self._after, always_call=True),
        ]

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Count anew."""
        self.moved_bytes = 0

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Leave the model as it came."""
        for hook in self._hooks:
            hook.remove()
        self._hooks = []

    def _before(self, model: torch.nn.Module, inputs: Any) -> None:
        if model.training and torch.is_grad_enabled():
            # Storages, since the transposed weight that a linear layer saves is a view; asked at each pass, since
            # sharding gives parameters new ones.
            self._parameters = frozenset(_storage(parameter) for parameter in model.parameters())
            self._saving.append(torch.autograd.graph.saved_tensors_hooks(self._pack, _unpack))
            self._saving[-1].__enter__()

    def _after(self, model: torch.nn.Module, inputs: Any, outputs: Any) -> None:
        if self._saving:
            self._saving.pop().__exit__()

    def _pack(self, tensor: torch.Tensor) -> tuple[torch.device | None, torch.Tensor]:
        if tensor.numel() < _SMALLEST or self._is_parameter(tensor):
            return None, tensor
        self.moved_bytes += tensor.numel() * tensor.element_size()
        kept = torch.empty_like(tensor, device="cpu", pin_memory=tensor.is_cuda)
        kept.copy_(tensor, non_blocking=False)
        return tensor.device, kept

    def _is_parameter(self, tensor: torch.Tensor) -> bool:
        # The weights that FSDP2 gathers for a layer are parameters that the model does not list.
        listed = isinstance(tensor, torch.nn.Parameter) or isinstance(tensor._base, torch.nn.Parameter)
        return listed or _storage(tensor) in self._parameters


def _unpack(packed: tuple[torch.device | None, torch.Tensor]) -> torch.Tensor:
    device, tensor = packed
    return tensor if device is None else tensor.to(device, non_blocking=True)


def _storage(tensor: torch.Tensor) -> int:
    return int(tensor.untyped_storage().data_ptr())
