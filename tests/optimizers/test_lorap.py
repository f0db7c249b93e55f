from collections.abc import Callable
from typing import Any

import pytest
from peft import LoraConfig, get_peft_model

from swift_lib.core.errors import ArgumentError
from swift_lib.optimizers.base import make_optimizer


def test_b_learns_faster_than_a(load: Callable[[], Any], trainer: Any, options: Any) -> None:
    model = get_peft_model(load(), LoraConfig(r=4, target_modules=["q_proj", "embed_tokens"]))
    given = options(lorap_lr_ratio=16.0, tuner_type="lora")
    optimizer = make_optimizer(None, given, trainer(model, adam_beta2=0.95)).create_optimizer()
    found = {}
    for name, parameter in model.named_parameters():
        for group in optimizer.param_groups:
            if any(parameter is p for p in group["params"]):
                found[name] = (group["lr"], group["weight_decay"])
    assert set(found) == {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    for name, (rate, decay) in found.items():
        kind = next(k for k in ("lora_embedding", "lora_A", "lora_B") if k in name)
        expected = {"lora_A": (1e-2, 0.1), "lora_B": (16e-2, 0.1), "lora_embedding": (1e-6, 0.1)}
        assert (rate, decay) == pytest.approx(expected[kind]), name
    assert optimizer.param_groups[0]["betas"] == (0.9, 0.95)


def test_without_adapters_there_are_the_usual_groups(trainer: Any, options: Any) -> None:
    groups = make_optimizer("lorap", options(lorap_lr_ratio=16.0), trainer()).create_optimizer().param_groups
    assert [group["weight_decay"] for group in groups] == [0.1, 0.0]
    assert {group["lr"] for group in groups} == {1e-2}


def test_the_ratio_is_required(trainer: Any, options: Any) -> None:
    with pytest.raises(ArgumentError, match="--lorap_lr_ratio: required by --optimizer lorap"):
        make_optimizer("lorap", options(), trainer())


def test_an_optim_that_makes_its_own_groups_is_refused(load: Callable[[], Any], trainer: Any, options: Any) -> None:
    model = get_peft_model(load(), LoraConfig(r=4, target_modules=["q_proj"]))
    own = trainer(model)
    own.get_optimizer_cls_and_kwargs = lambda args, model: (type(own.model), {"model": model})
    with pytest.raises(ArgumentError, match=r"--optim: .* groups by itself"):
        make_optimizer("lorap", options(lorap_lr_ratio=2.0), own).create_optimizer()
