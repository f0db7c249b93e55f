"""Train a few layers at a time, drawn anew every so often."""

import random
from typing import Any

import torch
from transformers import TrainerControl, TrainerState, TrainingArguments

from swift_lib.callbacks.base import TrainerCallback
from swift_lib.core.errors import ArgumentError
from swift_lib.core.seeding import derive_seed


class LisaCallback(TrainerCallback):
    """LISA (Pan et al. 2024, arXiv:2403.17919, algorithm 1).

    Of the decoder's layers `lisa_activated_layers` are trained, others drawn every `lisa_step_interval` steps; what is
    not a layer (embeddings, the last norm, the output layer) always is. A layer that goes to rest gives its optimizer
    state back, so that memory stays what the layers at work need; it starts afresh when it is drawn again. The draw is
    a function of the seed and the step: a run that goes on from a checkpoint has the same layers.

    A parameter that another rule froze stays so. Raises ArgumentError where it cannot work.
    """

    def __init__(self, args: Any, trainer: Any) -> None:
        super().__init__(args, trainer)
        self.count, self.interval = int(args.lisa_activated_layers), int(args.lisa_step_interval)
        self.layers = decoder_layers(trainer.model)
        problems = [*_unsuited(args, trainer)]
        if self.count > len(self.layers):
            problems.append(f"--lisa_activated_layers: the model has {len(self.layers)} layers, not {self.count}")
        if problems:
            raise ArgumentError(problems)
        self.active: tuple[int, ...] = ()
        self._trained = [[p for p in layer.parameters() if p.requires_grad] for layer in self.layers]

    def draw(self, step: int) -> tuple[int, ...]:
        """The layers that are trained in the step that follows `step` finished ones."""
        generator = random.Random(derive_seed(self.args.seed, "lisa", step // self.interval))
        return tuple(sorted(generator.sample(range(len(self.layers)), self.count)))

    def on_step_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        optimizer: Any = None,
        **kwargs: Any,
    ) -> None:
        """Wake and rest layers; gradients are gone at this event."""
        wanted = self.draw(state.global_step)
        if wanted == self.active:
            return
        self.active = wanted
        for place, parameters in enumerate(self._trained):
            for parameter in parameters:
                parameter.requires_grad_(place in wanted)
                if place not in wanted and optimizer is not None:
                    optimizer.state.pop(parameter, None)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Leave the model as it came."""
        self.active = ()
        for parameters in self._trained:
            for parameter in parameters:
                parameter.requires_grad_(True)


def decoder_layers(model: torch.nn.Module) -> torch.nn.ModuleList:
    """The layers of the language model: where the model's architecture says, else the first list of modules."""
    keys = getattr(getattr(model, "model_meta", None), "model_arch", None)
    path = getattr(keys, "module_list", None)
    modules = dict(model.named_modules())
    if path is not None and isinstance(modules.get(path), torch.nn.ModuleList):
        return modules[path]
    found = next((module for module in modules.values() if isinstance(module, torch.nn.ModuleList)), None)
    if found is None:
        raise ArgumentError(["--lisa_activated_layers: the model has no list of layers"])
    return found


def _unsuited(args: Any, trainer: Any) -> list[str]:
    name = "--lisa_activated_layers"
    if not args.lisa_activated_layers:
        return [f"{name}: give how many layers are trained at a time"]
    if args.tuner_type != "full":
        return [f"{name}: LISA trains whole layers; use --tuner_type full, not {args.tuner_type}"]
    if trainer.is_deepspeed_enabled or trainer.is_fsdp_enabled:
        return [f"{name}: DeepSpeed and FSDP cannot change what is trained; use neither, or a LoRA"]
    if trainer.args.world_size > 1 and not trainer.args.ddp_find_unused_parameters:
        return [f"{name}: with several processes give --ddp_find_unused_parameters true"]
    return []
