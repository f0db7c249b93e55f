"""Training of the weights themselves: which of them move."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

CHOICES: dict[str, tuple[dict[str, Any], Callable[[str], bool]]] = {
    "prefixes": (
        {"freeze_parameters": ["model.layers", "model.embed"], "trainable_parameters": ["model.layers.1.mlp"]},
        lambda name: name.startswith(("model.layers.1.mlp", "model.norm")),
    ),
    "patterns": (
        {"freeze_parameters_regex": "mlp|embed", "trainable_parameters_regex": r"0\.mlp\.(up|down)_proj"},
        lambda name: not any(part in name for part in ("mlp", "embed")) or "0.mlp.up" in name or "0.mlp.down" in name,
    ),
    "a share": (
        {"freeze_parameters_ratio": 0.6},
        lambda name: not name.startswith(("model.embed", "model.layers.0")),
    ),
}


@pytest.mark.parametrize("choice", CHOICES)
def test_only_the_chosen_weights_move(choice: str, train: Callable[..., Any]) -> None:
    options, trains = CHOICES[choice]
    run = train(tuner_type="full", learning_rate=3e-3, **options)
    run.require_learned()
    assert run.changed == {name for name in run.names if trains(name)} != run.names


def test_dummy_trains_what_the_model_type_left_to_train(train: Callable[..., Any]) -> None:
    run = train(tuner_type="dummy", learning_rate=3e-3)
    run.require_learned()
    saved = AutoModelForCausalLM.from_pretrained(Path(run.result.final))
    ours = dict(run.model.named_parameters())
    assert all(torch.equal(value, ours[name]) for name, value in saved.named_parameters())
