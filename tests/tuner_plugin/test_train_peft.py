"""Training with peft's other adapters."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

# name: (options, parts of the names of what is trained)
KINDS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "vera": ({"learning_rate": 2e-2, "vera_rank": 32}, (".vera_lambda_",)),
    "boft": ({}, (".boft_R.", ".boft_s.")),
    "fourierft": ({"learning_rate": 3e-2, "fourier_n_frequency": 200}, (".fourierft_spectrum.",)),
    "ia3": ({"learning_rate": 3e-2}, (".ia3_l.",)),
    "bone": ({"learning_rate": 3e-3, "lora_dropout": 0.0}, (".miss_block.",)),
    "miss": ({"learning_rate": 3e-3, "lora_dropout": 0.0, "init_weights": "bat"}, (".miss_block.",)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds(kind: str, train: Callable[..., Any], require_tuned: Callable[..., None]) -> None:
    options, parts = KINDS[kind]
    run = train(tuner_type=kind, **options)
    require_tuned(run, lambda name: any(part in name for part in parts))
    layer = next(module for name, module in run.model.named_modules() if name.endswith("layers.0.self_attn.q_proj"))
    OWN[kind](layer)


def turns(layer: Any) -> None:
    rotation = layer.get_delta_weight("default")[0]
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(64), atol=1e-4, rtol=0)


def has_few_frequencies(layer: Any) -> None:
    assert int((torch.fft.fft2(layer.get_delta_weight("default")).abs() > 1e-3).sum()) <= 2 * 200


def scales_rows(layer: Any) -> None:
    assert layer.ia3_l["default"].shape == (64, 1)


def shares_its_matrices(layer: Any) -> None:
    assert layer.vera_lambda_d["default"].shape == (32,) and layer.vera_lambda_b["default"].shape == (64,)


def repeats_a_block(layer: Any) -> None:
    assert layer.miss_block["default"].shape == (8, 64)


def has_square_blocks(layer: Any) -> None:
    assert layer.miss_block["default"].shape == (8, 8, 8)


OWN: dict[str, Callable[[Any], None]] = {
    "vera": shares_its_matrices, "boft": turns, "fourierft": has_few_frequencies, "ia3": scales_rows,
    "bone": repeats_a_block, "miss": has_square_blocks,
}  # fmt: skip


def test_adalora(train: Callable[..., Any], require_tuned: Callable[..., None]) -> None:
    """The term of the loss keeps the bases near orthogonal, which the learning rate alone would not."""
    run = train(tuner_type="adalora", learning_rate=1e-2)
    require_tuned(run, lambda name: ".lora_" in name)
    layer = next(module for module in run.model.modules() if hasattr(module, "lora_E"))
    a = layer.lora_A["default"]
    assert a.shape == (12, 64)
    assert (a @ a.T - torch.eye(12)).norm() < 0.7
