from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from swift_lib.core.errors import ArgumentError
from swift_lib.model.loader import get_model_processor
from swift_lib.optimizers.base import make_optimizer


@pytest.fixture()
def model(vision_model: Callable[[str], Path]) -> Any:
    return get_model_processor(str(vision_model("qwen2_5_vl")))[0]


def placed(model: Any, optimizer: torch.optim.Optimizer) -> dict[str, tuple[str, float, float]]:
    """Part, rate and decay of every parameter that is in a group."""
    numbers = {id(p): group for group in optimizer.param_groups for p in group["params"]}
    return {
        name: (numbers[id(p)]["part"], numbers[id(p)]["lr"], numbers[id(p)]["weight_decay"])
        for name, p in model.named_parameters()
        if id(p) in numbers
    }


def test_six_groups_by_part_and_decay(model: Any, trainer: Any, options: Any) -> None:
    optimizer = make_optimizer(None, options(vit_lr=1e-3, aligner_lr=3e-3), trainer(model)).create_optimizer()
    assert [(group["part"], group["lr"], group["weight_decay"]) for group in optimizer.param_groups] == [
        ("vision_tower", 1e-3, 0.1), ("vision_tower", 1e-3, 0.0), ("aligner", 3e-3, 0.1), ("aligner", 3e-3, 0.0),
        ("language_model", 1e-2, 0.1), ("language_model", 1e-2, 0.0),
    ]  # fmt: skip
    found, decaying = placed(model, optimizer), set(trainer(model).get_decay_parameter_names(model))
    assert set(found) == {name for name, _ in model.named_parameters()}
    for name, (part, _, decay) in found.items():
        # The aligner of Qwen2.5-VL is inside its vision tower.
        expected = "aligner" if ".merger." in name else "vision_tower" if ".visual." in name else "language_model"
        assert part == expected, name
        assert (decay == 0.0) is (name not in decaying), name


def test_a_rate_that_is_not_given_is_the_learning_rate(model: Any, trainer: Any, options: Any) -> None:
    optimizer = make_optimizer("multimodal", options(aligner_lr=3e-3), trainer(model)).create_optimizer()
    assert {part: rate for part, rate, _ in placed(model, optimizer).values()} == {
        "vision_tower": 1e-2, "aligner": 3e-3, "language_model": 1e-2,
    }  # fmt: skip


def test_adapters_belong_to_the_part_that_they_are_on(model: Any, trainer: Any, options: Any) -> None:
    tuned = get_peft_model(model, LoraConfig(r=2, target_modules=r".*visual\.blocks.*\.qkv|.*layers.*\.q_proj"))
    tuned.model_meta = model.model_meta
    found = placed(tuned, make_optimizer(None, options(vit_lr=1e-3), trainer(tuned)).create_optimizer())
    assert {part for name, (part, *_) in found.items() if ".visual." in name} == {"vision_tower"}
    assert {part for name, (part, *_) in found.items() if ".visual." not in name} == {"language_model"}


def test_a_scheduler_keeps_the_ratio_of_the_rates(model: Any, trainer: Any, options: Any) -> None:
    own = trainer(model, lr_scheduler_type="linear")
    callback = make_optimizer(None, options(vit_lr=1e-3), own)
    optimizer = callback.create_optimizer()
    scheduler = callback.create_scheduler(10, optimizer)
    optimizer.step()
    scheduler.step()
    assert {group["part"]: group["lr"] for group in optimizer.param_groups} == pytest.approx(
        {"vision_tower": 0.9e-3, "aligner": 0.9e-2, "language_model": 0.9e-2}
    )


def test_a_rate_for_a_frozen_part_is_refused(model: Any, trainer: Any, options: Any) -> None:
    model.model.visual.requires_grad_(False)
    with pytest.raises(
        ArgumentError, match="--vit_lr: nothing of the vision_tower is trained; give --freeze_vit false"
    ):
        make_optimizer(None, options(vit_lr=1e-3), trainer(model)).create_optimizer()


def test_a_model_of_one_part_is_refused(trainer: Any, options: Any) -> None:
    with pytest.raises(ArgumentError, match="ModelMeta names no model_arch with such parts"):
        make_optimizer(None, options(vit_lr=1e-3), trainer()).create_optimizer()
