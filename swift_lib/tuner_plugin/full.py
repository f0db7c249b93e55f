"""All weights, or all but those that are told by name or by share."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import torch

from swift_lib.core.errors import ArgumentError
from swift_lib.tuner_plugin import parts
from swift_lib.tuner_plugin.base import Tuner


class FullTuner(Tuner):
    """Train the loaded weights themselves."""

    @staticmethod
    def prepare_model(args: Any, model: torch.nn.Module) -> torch.nn.Module:
        """Set requires_grad, a later rule over an earlier one.

        All are trained; then `freeze_parameters_ratio`, the frozen parts of a multimodal model, `freeze_parameters`
        and its regex are frozen; then `trainable_parameters` and its regex are trained all the same.
        """
        freezes, trains = list(_rules(args, "freeze_parameters")), list(_rules(args, "trainable_parameters"))
        names = [name for name, _ in model.named_parameters()]
        problems = [text for text, fits in freezes + trains if not any(fits(name) for name in names)]
        if problems:
            raise ArgumentError(problems)
        first = _first_share(model, args.freeze_parameters_ratio)
        keys = parts.architecture(model)
        for name, parameter in model.named_parameters():
            frozen = name in first or bool(keys and parts.is_frozen(name, keys, args))
            frozen = frozen or any(fits(name) for _, fits in freezes)
            parameter.requires_grad_(not frozen or any(fits(name) for _, fits in trains))
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise ArgumentError(["--freeze_parameters: nothing is left to train"])
        return model

    @staticmethod
    def save_pretrained(
        model: torch.nn.Module,
        save_directory: str,
        state_dict: dict[str, Any] | None = None,
        safe_serialization: bool = True,
        **kwargs: Any,
    ) -> None:
        """Write config.json and model.safetensors, in shards where it is large."""
        model.save_pretrained(save_directory, state_dict=state_dict, safe_serialization=safe_serialization, **kwargs)

    @staticmethod
    def from_pretrained(model: torch.nn.Module, model_id: str, **kwargs: Any) -> torch.nn.Module:
        """The same class with the saved weights."""
        return type(model).from_pretrained(model_id, **kwargs)


def _rules(args: Any, option: str) -> Iterator[tuple[str, Callable[[str], Any]]]:
    """What an option and its regex say: (the complaint where nothing fits, whether a name fits)."""
    for prefix in getattr(args, option):
        yield f"--{option}: no parameter begins with {prefix!r}", re.compile(re.escape(prefix)).match
    if pattern := getattr(args, f"{option}_regex"):
        yield f"--{option}_regex: found in no parameter's name: {pattern!r}", re.compile(pattern).search


def _first_share(model: torch.nn.Module, share: float) -> set[str]:
    """The first parameters, in the order of the model, that together are at most this share of all numbers."""
    sizes = [(name, parameter.numel()) for name, parameter in model.named_parameters()]
    limit, seen, names = share * sum(size for _, size in sizes), 0, set()
    for name, size in sizes if share else ():
        seen += size
        if seen > limit:
            break
        names.add(name)
    return names
