"""Proof that what should stay frozen did."""

import hashlib
import re
from collections.abc import Iterable

import torch
from peft.tuners.tuners_utils import BaseTunerLayer

from swift_lib.core.errors import TrainingError

_WRAPPERS = re.compile(r"(\.(base_layer|original_module))+\.")


def frozen_digest(model: torch.nn.Module) -> str:
    """sha256 over names, shapes and bytes of every parameter that is not trained; "" where all are.

    The names are those of the base model: an adapter that wraps it does not change the digest, whatever it holds.
    """
    own = _of_adapters(model)
    return _digest(
        (_base_name(name), value)
        for name, value in model.named_parameters()
        if not value.requires_grad and name not in own
    )


def weights_digest(model: torch.nn.Module) -> str:
    """The same over all parameters of a model as it was loaded."""
    return _digest(model.named_parameters())


def _digest(parameters: Iterable[tuple[str, torch.Tensor]]) -> str:
    digest = hashlib.sha256()
    found = False
    for name, parameter in sorted(parameters, key=lambda pair: pair[0]):
        found = True
        digest.update(f"{name}{tuple(parameter.shape)}{parameter.dtype}".encode())
        digest.update(parameter.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
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


def require_unchanged(model: torch.nn.Module, before: str, where: str) -> None:
    """Raise TrainingError if the frozen parameters differ from what they were."""
    if frozen_digest(model) != before:
        raise TrainingError(
            "Frozen weights changed during training; the result is not an adapter of this base",
            where=where,
            fix="a plugin or an optimizer changes parameters that require no gradient; train without it",
        )


def _base_name(name: str) -> str:
    return _WRAPPERS.sub(".", name.removeprefix("base_model.model."))
