"""Training of LoRAs that start as a part of the base's weights."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file


@pytest.mark.parametrize("start", ["pissa", "olora"])
def test_a_start_taken_out_of_the_weights(
    start: str, train: Callable[..., Any], require_tuned: Callable[..., None]
) -> None:
    """What is saved is a LoRA of the base as it was loaded, of twice the rank; its second half is where it started."""
    run = train(learning_rate=3e-3, lora_dropout=0.0, init_weights=start)
    require_tuned(run, lambda name: ".lora_" in name, atol=1e-4)
    config = json.loads((Path(run.result.final) / "adapter_config.json").read_text())
    assert (config["r"], config["init_lora_weights"]) == (16, True)
    layer = next(module for module in run.model.modules() if hasattr(module, "lora_A"))
    saved = load_file(Path(run.result.final) / "adapter_model.safetensors")
    name = next(name for name in saved if name.endswith("layers.0.self_attn.q_proj.lora_A.weight"))
    assert torch.equal(saved[name][:8], layer.lora_A["default"].weight)
    rotation = saved[name][8:] / saved[name][8:].norm(dim=1, keepdim=True)
    if start == "pissa":  # rows of A are right singular vectors
        torch.testing.assert_close(rotation @ rotation.T, torch.eye(8), atol=1e-4, rtol=0)
