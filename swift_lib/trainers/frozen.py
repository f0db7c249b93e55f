"""Proof that what should stay frozen did."""

import hashlib

import torch

from swift_lib.core.errors import TrainingError


def frozen_digest(model: torch.nn.Module) -> str:
    """sha256 over names, shapes and bytes of every parameter that is not trained; "" where all are.

    The names are those of the base model: an adapter that wraps it does not change the digest.
    """
    digest = hashlib.sha256()
    found = False
    for name, parameter in sorted((_base_name(name), value) for name, value in model.named_parameters()):
        if parameter.requires_grad:
            continue
        found = True
        digest.update(f"{name}{tuple(parameter.shape)}{parameter.dtype}".encode())
        digest.update(parameter.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.hexdigest() if found else ""


def require_unchanged(model: torch.nn.Module, before: str, where: str) -> None:
    """Raise TrainingError if the frozen parameters differ from what they were."""
    if frozen_digest(model) != before:
        raise TrainingError(
            "Frozen weights changed during training; the result is not an adapter of this base",
            where=where,
            fix="a plugin or an optimizer changes parameters that require no gradient; train without it",
        )


def _base_name(name: str) -> str:
    return name.removeprefix("base_model.model.").replace(".base_layer.", ".").replace(".original_module.", ".")
