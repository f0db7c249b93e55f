"""Embeddings whose first components are embeddings, too. Loads no torch."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from swift_lib.core.errors import ArgumentError, TrainingError


class _Outputs(dict[str, Any]):
    """Outputs of a model with some entries replaced; read by key or by attribute, as the model's own are."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def matryoshka_dims(value: Mapping[Any, Any] | str | None) -> dict[int, float]:
    """`--mrl_dims` as numbers: dimension to weight. Raises ArgumentError for anything else."""
    if not value:
        return {}
    try:
        given = json.loads(value) if isinstance(value, str) else dict(value)
        dims = {int(dimension): float(weight) for dimension, weight in given.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ArgumentError(
            [f'--mrl_dims: {value!r} is not a mapping of dimensions to weights, such as {{"64": 1.0}}']
        ) from error
    if any(dimension < 1 or not weight >= 0 for dimension, weight in dims.items()):
        raise ArgumentError([f"--mrl_dims: {value!r} has a dimension below 1 or a weight below 0"])
    return dims


def matryoshka(loss: Callable[..., Any], dims: Mapping[int, float]) -> Callable[..., Any]:
    """The sum over dims of weight times the loss of the embeddings' first components, brought to length 1 again.

    Kusupati et al. 2022, "Matryoshka Representation Learning" (arXiv 2205.13147), equation 1. What is not listed, the
    whole embedding for one, does not count. The loss raises TrainingError for a dimension that the model does not have.
    """

    def call(outputs: Any, labels: Any, **kwargs: Any) -> Any:
        whole = outputs["last_hidden_state"]
        missing = [dimension for dimension in dims if dimension > whole.shape[-1]]
        if missing:
            raise TrainingError(
                f"the model's embeddings have {whole.shape[-1]} dimensions, not {max(missing)}",
                where="--mrl_dims",
                fix=f"list dimensions up to {whole.shape[-1]}",
            )
        total = 0
        for dimension, weight in dims.items():
            part = whole[..., :dimension]
            part = part / part.norm(dim=-1, keepdim=True).clamp_min(1e-12)
            total = total + weight * loss(_Outputs({**outputs, "last_hidden_state": part}), labels, **kwargs)
        return total

    return call
