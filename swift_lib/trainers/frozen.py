"""Proof that what should stay frozen did."""

import hashlib
import re
from collections.abc import Callable, Iterable
from typing import Any

import torch
from peft.tuners.tuners_utils import BaseTunerLayer

from swift_lib.core.errors import TrainingError
from swift_lib.trainers.shards import is_first, plain_name

_WRAPPERS = re.compile(r"(\.(base_layer|original_module))+\.")


Whole = Callable[[str, torch.nn.Parameter], torch.Tensor]
"""A parameter in one piece, on the CPU, where processes hold pieces of it; all of them ask for it at once."""


def frozen_digest(model: torch.nn.Module, whole: Whole | None = None) -> str:
    """sha256 over names, shapes and bytes of every parameter that is not trained; "" where all are.

    The names are those of the base model: an adapter that wraps it does not change the digest, whatever it holds.
    """
    own = _of_adapters(model)
    frozen = ((name, value) for name, value in model.named_parameters() if not value.requires_grad and name not in own)
    return _digest(((_base_name(plain_name(name)), value) for name, value in frozen), whole)


def weights_digest(model: torch.nn.Module) -> str:
    """The same over all parameters of a model as it was loaded."""
    return _digest(model.named_parameters())


def _digest(parameters: Iterable[tuple[str, Any]], whole: Whole | None = None) -> str:
    digest = hashlib.sha256()
    found = False
    for name, parameter in sorted(parameters, key=lambda pair: pair[0]):
        found = True
        value = parameter.detach().cpu() if whole is None else whole(name, parameter)
        digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        digest.update(value.contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest() if found else ""


def _of_adapters(model: torch.nn.Module) -> set[str]:
    """Names of parameters that adapters hold without training them, such as the ranks of AdaLoRA."""
    return {
        f"{name}.{inner}"
        for name, module in model.named_modules()
        if isinstance(module, BaseTunerLayer)
        for inner, _ in module.named_parameters()
        if inner.partition(".")[0] in (*module.adapter_layer_names, *module.other_param_names)
    }


def require_unchanged(model: torch.nn.Module, before: str, where: str, whole: Whole | None = None) -> None:
    """Raise TrainingError if the frozen parameters differ from what they were.

    With `whole` every process calls it, and the first, which has the wholes, decides.
    """
    if frozen_digest(model, whole) != before and (whole is None or is_first()):
        raise TrainingError(
            "Frozen weights changed during training; the result is not an adapter of this base",
            where=where,
            fix="a plugin or an optimizer changes parameters that require no gradient; train without it",
        )


def _base_name(name: str) -> str:
    return _WRAPPERS.sub(".", name.removeprefix("base_model.model."))
