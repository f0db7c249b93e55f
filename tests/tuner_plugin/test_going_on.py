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


def weights(folder: Path | str) -> dict[str, torch.Tensor]:
    return load_file(Path(folder) / "adapter_model.safetensors")


def require_same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    assert [name for name, value in first.items() if not torch.equal(value, second[name])] == []


@pytest.mark.parametrize("options", OWN, ids=lambda options: options["tuner_type"])
def test_a_resumed_run_ends_with_the_same_weights(options: dict[str, Any], train: Callable[..., Any]) -> None:
    """Bit for bit, dropout included."""
    whole = train("whole", **options, max_steps=4, save_steps=2)
    checkpoint = str(Path(whole.result.output_dir) / "checkpoint-2")
    resumed = train("resumed", **options, max_steps=4, save_steps=2, resume_from_checkpoint=checkpoint)
    require_same(weights(whole.result.final), weights(resumed.result.final))
    assert any(
        not torch.equal(value, weights(Path(checkpoint))[name]) for name, value in weights(whole.result.final).items()
    )


@pytest.mark.parametrize("options", OWN, ids=lambda options: options["tuner_type"])
def test_an_adapter_is_trained_further(options: dict[str, Any], train: Callable[..., Any]) -> None:
    first = train("first", **options, max_steps=3)
    second = train("second", **options, max_steps=1, adapters=[first.result.final])
    ends = dict(first.model.named_parameters())
    assert second.changed == first.changed
    assert [name for name in first.changed if not torch.equal(second.before[name], ends[name])] == []


def test_an_adapter_of_another_kind_is_refused_before_anything_is_loaded(train: Callable[..., Any]) -> None:
    first = train("first", tuner_type="ia3", max_steps=1)
    with pytest.raises(ModelError, match="is of type ia3, and is to be trained as lora") as caught:
        train("second", tuner_type="lora", adapters=[str(first.result.final)])
    assert caught.value.fix == "give --tuner_type ia3"


@pytest.mark.parametrize("options", [OWN[3], OWN[2]], ids=lambda options: options["tuner_type"])
def test_the_best_checkpoint_is_read_back_by_the_tuner(
    options: dict[str, Any], train: Callable[..., Any], learned_model: Path
) -> None:
    """What the base had learned is forgotten while it trains, so an early checkpoint is the best."""
    known = learned_model.parents[1] / "rows.jsonl"
    run = train(
        **options, max_steps=4, save_steps=1, eval_steps=1, learning_rate=1e-3, val_dataset=[str(known)],
        load_best_model_at_end=True,
    )  # fmt: skip
    state = json.loads((Path(run.result.output_dir) / "checkpoint-4" / "trainer_state.json").read_text())
    assert state["best_global_step"] < 4
    require_same(
        weights(Path(run.result.final)),
        weights(Path(run.result.output_dir) / f"checkpoint-{state['best_global_step']}"),
    )
