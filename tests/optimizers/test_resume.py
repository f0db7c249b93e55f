"""A run that goes on from a checkpoint makes the step that it would have made."""

import copy
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from swift_lib.optimizers.base import make_optimizer

CASES = {
    "default": {},
    "galore": {"use_galore": True},
    "galore, both sides": {"use_galore": True, "galore_proj_type": "full", "galore_with_embedding": True},
    "lorap": {"lorap_lr_ratio": 16.0, "tuner_type": "lora"},
    "muon": {},
    "muonclip": {},
}


def made(model: Any, given: dict[str, Any], name: str, trainer: Any, options: Any) -> tuple[Any, Any]:
    if given.get("tuner_type") == "lora":
        torch.manual_seed(0)
        model = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    own = trainer(model)
    callback = make_optimizer(name.partition(",")[0], options(**given), own)
    optimizer = callback.create_optimizer()
    return model, (optimizer, callback.create_scheduler(20, optimizer))


@pytest.mark.parametrize("name", CASES)
def test_the_next_step_after_loading_is_the_same_bit_for_bit(
    name: str, load: Callable[[], Any], trainer: Any, options: Any, backward: Callable[[Any, int], float]
) -> None:
    model, (optimizer, scheduler) = made(load(), CASES[name], name, trainer, options)
    for number in range(5):  # past the first new projection of GaLore
        backward(model, number)
        optimizer.step()
        scheduler.step()
    weights = copy.deepcopy(model.state_dict())
    file = io.BytesIO()
    torch.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)  # as the Trainer does

    again, (other, other_scheduler) = made(load(), CASES[name], name, trainer, options)
    again.load_state_dict(weights)
    other.load_state_dict(saved["optimizer"])
    other_scheduler.load_state_dict(saved["scheduler"])
    for number in (5, 6):
        for one, steps, rates in ((model, optimizer, scheduler), (again, other, other_scheduler)):
            backward(one, number)
            steps.step()
            rates.step()
    changed = 0
    for key, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[key]), key
        changed += int(not torch.equal(value, weights[key]))
    assert changed
