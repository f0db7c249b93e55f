"""Training with the kinds of LoRA: each learns, moves what it should, is read back and merged as it was."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

RATE = {"learning_rate": 3e-3, "lora_dropout": 0.0}


def layers(model: Any) -> list[Any]:
    return [module for module in model.modules() if hasattr(module, "lora_A")]


def is_lora(name: str) -> bool:
    return ".lora_" in name


@pytest.mark.parametrize(
    "options",
    [{"use_rslora": True}, {"use_dora": True}, {"lora_dtype": "bfloat16"}],
    ids=lambda options: "-".join(options),
)
def test_lora(options: dict[str, Any], train: Callable[..., Any], require_tuned: Callable[..., None]) -> None:
    run = train(**RATE, **options)
    # An adapter in bfloat16 is read back as float32, which rounds less.
    require_tuned(run, is_lora, atol=5e-2 if "lora_dtype" in options else 1e-5)
    layer = layers(run.model)[0]
    assert layer.scaling["default"] == (32 / 8**0.5 if "use_rslora" in options else 32 / 8)
    assert bool(layer.lora_magnitude_vector) == ("use_dora" in options)
    saved = load_file(Path(run.result.final) / "adapter_model.safetensors")
    assert {value.dtype for value in saved.values()} == {torch.bfloat16 if "lora_dtype" in options else torch.float32}
