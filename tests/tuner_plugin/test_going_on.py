"""Going on from what a tuner wrote: a checkpoint of the same run, or an adapter as the start of another."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from swift_lib.core.errors import ModelError

OWN = [
    {"tuner_type": "llamapro", "llamapro_num_new_blocks": 1},
    {"tuner_type": "adapter", "adapter_length": 8},
    {"tuner_type": "reft"},
    {"tuner_type": "lora", "init_weights": "pissa"},
    {"tuner_type": "longlora"},
]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def require_same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    assert [name for name, value in first.items() if not torch.equal(value, second[name])] == []


@pytest.mark.parametrize("options", OWN, ids=lambda options: options["tuner_type"])
def test_a_resumed_run_ends_with_the_same_weights(options: dict[str, Any], train: Callable[..., Any]) -> None:
    """Bit for bit, dropout included."""
    whole = train("whole", **options, max_steps=4, save_steps=2)
    checkpoint = str(whole.final.parent / "checkpoint-2")
    resumed = train("resumed", **options, max_steps=4, save_steps=2, resume_from_checkpoint=checkpoint)
    require_same(weights(whole.final), weights(resumed.final))
    assert any(not torch.equal(value, weights(Path(checkpoint))[name]) for name, value in weights(whole.final).items())


@pytest.mark.parametrize("options", OWN, ids=lambda options: options["tuner_type"])
def test_an_adapter_is_trained_further(options: dict[str, Any], train: Callable[..., Any]) -> None:
    first = train("first", **options, max_steps=6, logging_steps=1)
    second = train("second", **options, max_steps=1, logging_steps=1, adapters=[str(first.final)])
    assert second.result.metrics["first_loss"] < 0.9 * first.result.metrics["first_loss"]
    assert weights(first.final).keys() == weights(second.final).keys()


def test_an_adapter_of_another_kind_is_refused_before_anything_is_loaded(train: Callable[..., Any]) -> None:
    first = train("first", tuner_type="ia3", max_steps=1)
    with pytest.raises(ModelError, match="is of type ia3, and is to be trained as lora") as caught:
        train("second", tuner_type="lora", adapters=[str(first.final)])
    assert caught.value.fix == "give --tuner_type ia3"


@pytest.mark.parametrize("options", [OWN[3], OWN[2]], ids=lambda options: options["tuner_type"])
def test_the_best_checkpoint_is_read_back_by_the_tuner(
    options: dict[str, Any], train: Callable[..., Any], base: Path
) -> None:
    """What the base had learned is forgotten while it trains, so an early checkpoint is the best."""
    known = base.parents[1] / "rows.jsonl"
    run = train(
        **options, max_steps=4, save_steps=1, eval_steps=1, learning_rate=1e-3, val_dataset=[str(known)],
        load_best_model_at_end=True,
    )  # fmt: skip
    state = json.loads((run.final.parent / "checkpoint-4" / "trainer_state.json").read_text())
    assert state["best_global_step"] < 4
    require_same(weights(run.final), weights(run.final.parent / f"checkpoint-{state['best_global_step']}"))
