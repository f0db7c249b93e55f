from collections.abc import Callable
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from swift_lib.core.errors import ArgumentError
from swift_lib.optimizers.base import make_optimizer
from swift_lib.optimizers.muon import MuonWithAdamW


def names_of(model: Any, group: dict[str, Any]) -> set[str]:
    return {name for name, parameter in model.named_parameters() if any(parameter is p for p in group["params"])}


def test_hidden_matrices_are_muons_and_the_rest_adamws(trainer: Any, options: Any) -> None:
    own = trainer(adam_beta2=0.95)
    muon, decaying, bare = make_optimizer("muon", options(), own).create_optimizer().param_groups
    assert {name.rpartition(".weight")[0].rpartition(".")[2] for name in names_of(own.model, muon)} == {
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    }  # fmt: skip
    assert names_of(own.model, decaying) == {"model.embed_tokens.weight"}  # tied to the output layer
    assert all("norm" in name or name.endswith("bias") for name in names_of(own.model, bare))
    assert [group["weight_decay"] for group in (muon, decaying, bare)] == [0.1, 0.1, 0.0]
    assert (muon["momentum"], muon["adjust_lr_fn"], decaying["betas"]) == (0.95, "match_rms_adamw", (0.9, 0.95))
    assert sum(len(group["params"]) for group in (muon, decaying, bare)) == len(list(own.model.parameters()))


def test_an_untied_output_layer_is_adamws(tiny: Any, tmp_path: Any, trainer: Any, options: Any) -> None:
    own = trainer()
    own.model.lm_head.weight = torch.nn.Parameter(own.model.lm_head.weight.detach().clone())
    assert "lm_head.weight" in names_of(
        own.model, make_optimizer("muon", options(), own).create_optimizer().param_groups[1]
    )


def test_adapters_are_matrices_too(load: Callable[[], Any], trainer: Any, options: Any) -> None:
    model = get_peft_model(load(), LoraConfig(r=4, target_modules=["q_proj", "embed_tokens"]))
    groups = make_optimizer("muon", options(tuner_type="lora"), trainer(model)).create_optimizer().param_groups
    assert all(".q_proj.lora_" in name for name in names_of(model, groups[0]))
    assert all(".lora_embedding_" in name for name in names_of(model, groups[1]))


def test_it_steps_as_torchs_two_optimizers_do(
    load: Callable[[], Any], trainer: Any, options: Any, backward: Callable[[Any, int], float]
) -> None:
    model, other = load(), load()
    optimizer = make_optimizer("muon", options(), trainer(model)).create_optimizer()
    pairs = dict(zip(model.parameters(), other.parameters(), strict=True))
    matrices, decaying, bare = ([pairs[p] for p in group["params"]] for group in optimizer.param_groups)
    apart = [
        torch.optim.Muon(matrices, lr=1e-2, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW([{"params": decaying, "weight_decay": 0.1}, {"params": bare, "weight_decay": 0.0}], lr=1e-2),
    ]
    for number in range(3):
        backward(model, number)
        backward(other, number)
        for one in (optimizer, *apart):
            one.step()
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs.items())


def test_a_scheduler_moves_the_rate_of_both(trainer: Any, options: Any, backward: Callable[[Any, int], float]) -> None:
    own = trainer(lr_scheduler_type="linear")
    callback = make_optimizer("muon", options(), own)
    optimizer = callback.create_optimizer()
    scheduler = callback.create_scheduler(4, optimizer)
    backward(own.model, 0)
    optimizer.step()
    scheduler.step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.75e-2] * 3)


def test_options_come_from_optim_args(trainer: Any, options: Any) -> None:
    own = trainer(optim_args="momentum=0.9, nesterov=false, ns_steps=3, adjust_lr_fn=original")
    group = make_optimizer("muon", options(), own).create_optimizer().param_groups[0]
    assert {key: group[key] for key in ("momentum", "nesterov", "ns_steps", "adjust_lr_fn")} == {
        "momentum": 0.9, "nesterov": False, "ns_steps": 3, "adjust_lr_fn": "original",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("moment=0.9", "muon takes momentum=..., nesterov=..., ns_steps=..., adjust_lr_fn=..., not 'moment=0.9'"),
        ("ns_steps=many", "ns_steps is a number or a word of another kind than 'many'"),
        ("nesterov=1", "nesterov"),
        ("adjust_lr_fn=mine", "adjust_lr_fn is original or match_rms_adamw"),
    ],
)
def test_other_options_are_refused(text: str, message: str, trainer: Any, options: Any) -> None:
    with pytest.raises(ArgumentError, match=message):
        make_optimizer("muon", options(), trainer(optim_args=text))


def test_a_model_without_matrices_is_refused(load: Callable[[], Any], trainer: Any, options: Any) -> None:
    model = load()
    for parameter in model.parameters():
        parameter.requires_grad_(parameter.ndim == 1)
    with pytest.raises(ArgumentError, match="needs matrices to train"):
        make_optimizer("muon", options(), trainer(model)).create_optimizer()


def test_without_anything_but_matrices_there_is_no_adamw() -> None:
    weight = torch.nn.Parameter(torch.ones(3, 4))
    optimizer = MuonWithAdamW([{"params": [weight]}], [], 0.1, {}, {})
    weight.grad = torch.randn(3, 4)
    optimizer.step()
    assert len(optimizer.param_groups) == 1 and not torch.equal(weight, torch.ones(3, 4))
