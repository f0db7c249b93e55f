"""Give AdaLoRA's rank to the matrices that need it."""

from typing import Any

import torch
from peft import AdaLoraModel
from transformers import TrainerControl, TrainerState, TrainingArguments

from swift_lib.callbacks.base import TrainerCallback
from swift_lib.core.errors import ArgumentError

# peft's names for what its allocator remembers of each parameter, and ours in the optimizer's state.
_MEMORY = {"ipt": "adalora_sensitivity", "exp_avg_ipt": "adalora_importance", "exp_avg_unc": "adalora_uncertainty"}


class AdaLoraCallback(TrainerCallback):
    """Call peft's `update_and_allocate` after every optimizer step, while the gradients are still there.

    AdaLoRA (Zhang et al. 2023, arXiv:2303.10512): the budget of singular values falls from `adalora_init_r` to
    `adalora_target_r` a matrix (equation 12) between `adalora_tinit` steps after the start and `adalora_tfinal` steps
    before the end; the least important ones become 0.

    A run that goes on from a checkpoint cuts the same ones: what is remembered of their importance lies in the
    optimizer's state, and checkpoints hold matrices of full rank with zeros. At the end the zeros are left out.
    """

    def __init__(self, args: Any = None, trainer: Any = None) -> None:
        super().__init__(args, trainer)
        self._model: AdaLoraModel | None = None
        self._pattern: dict[str, list[bool]] | None = None

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        optimizer: Any = None,
        **kwargs: Any,
    ) -> None:
        """Tell the allocator how many steps there are, and what it knew at the checkpoint."""
        tuned = model.base_model if isinstance(getattr(model, "base_model", None), AdaLoraModel) else None
        if tuned is None:
            raise ArgumentError(["--callbacks: adalora is for --tuner_type adalora"])
        config = tuned.peft_config[tuned.trainable_adapter_name]
        if config.tinit + config.tfinal >= state.max_steps:
            raise ArgumentError(
                [
                    f"--adalora_tinit: {config.tinit} steps at the start and {config.tfinal} at the end"
                    f" (adalora_tfinal) leave none of {state.max_steps} in which the rank falls"
                ]
            )
        tuned.rankallocator.set_total_step(state.max_steps)
        self._model, self._pattern = tuned, None
        if not state.global_step:
            return
        if state.global_step >= state.max_steps - config.tfinal:
            self._pattern = _pattern(tuned)
        for name, parameter in _tuned(tuned):
            kept = optimizer.state.get(parameter, {})
            for memory, key in _MEMORY.items():
                if key in kept:
                    getattr(tuned.rankallocator, memory)[name] = kept[key]

    def on_optimizer_step(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        optimizer: Any = None,
        **kwargs: Any,
    ) -> None:
        """Weigh the parameters, cut what is over the budget."""
        model = self._model
        assert model is not None
        config = model.peft_config[model.trainable_adapter_name]
        config.rank_pattern = self._pattern
        model.update_and_allocate(state.global_step + 1)
        # peft would leave the zeros out of every checkpoint, whose matrices would then not fit the optimizer's.
        self._pattern, config.rank_pattern = config.rank_pattern, None
        for name, parameter in _tuned(model):
            for memory, key in _MEMORY.items():
                value = getattr(model.rankallocator, memory).get(name)
                if value is None:  # the ranks are settled
                    optimizer.state[parameter].pop(key, None)
                else:
                    optimizer.state[parameter][key] = value

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Let peft leave the zeros out of what is saved from here on."""
        if self._model is not None and self._pattern is not None:
            self._model.peft_config[self._model.trainable_adapter_name].rank_pattern = _pattern(self._model)


def _tuned(model: AdaLoraModel) -> list[tuple[str, torch.nn.Parameter]]:
    """Names, as the allocator has them, and parameters of the adapter that is trained."""
    marks = ("lora_", model.trainable_adapter_name)
    return [
        (name, parameter)
        for name, parameter in model.model.named_parameters()
        if all(mark in name for mark in marks) and parameter.requires_grad
    ]


def _pattern(model: AdaLoraModel) -> dict[str, list[bool]]:
    """Which singular values are kept, by the name of the parameter that holds them: those that are not 0, and of a
    matrix without any the first, since peft takes tensors of size 0 for broken ones.
    """
    mark = f"lora_E.{model.trainable_adapter_name}"
    kept = {name: (values != 0).view(-1).tolist() for name, values in _tuned(model) if mark in name}
    return {name: pattern if any(pattern) else [True, *pattern[1:]] for name, pattern in kept.items()}
