"""Each optimizer trains the tiny model with `swift sft`, moves what it should, and has its own effect."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from swift_lib.core.errors import ArgumentError

Learn = Callable[..., Any]


@pytest.mark.parametrize("name", ["default", "muon", "muonclip"])
def test_every_weight_learns(name: str, learn: Learn) -> None:
    run = learn(optimizer=name)
    run.require_learned()
    assert run.changed == run.names


def test_galore_moves_projected_weights_within_its_rank(learn: Learn) -> None:
    name, steps = "model.layers.0.mlp.up_proj.weight", []

    def note(model: Any, optimizer: Any) -> torch.Tensor:
        steps.append(dict(model.named_parameters())[name].detach().clone())
        return optimizer.state[dict(model.named_parameters())[name]]["exp_avg"].shape

    run = learn(note=note, use_galore=True, galore_rank=4, galore_update_proj_gap=10, weight_decay=0.0)
    run.require_learned()
    assert run.changed == run.names
    assert set(run.noted) == {(128, 4)}  # of (128, 64)
    whole = steps[-1] - run.before[name]
    within, across = steps[9] - run.before[name], whole
    assert torch.linalg.matrix_rank(within, atol=1e-5) == 4  # ten steps of one projection
    assert torch.linalg.matrix_rank(across, atol=1e-5) > 4


def test_galore_in_the_backward_pass(learn: Learn) -> None:
    run = learn(
        note=lambda model, optimizer: [p.grad is None for p in model.parameters()],
        use_galore=True, galore_rank=8, galore_optim_per_parameter=True, max_grad_norm=0.0,
    )  # fmt: skip
    run.require_learned()
    assert all(all(gone) for gone in run.noted)


def test_lora_plus_moves_b_faster(learn: Learn) -> None:
    options = {"tuner_type": "lora", "lora_rank": 32, "lr_scheduler_type": "constant", "learning_rate": 1e-3}
    run = learn(lorap_lr_ratio=16.0, **options)
    run.require_learned()
    assert run.changed == {name for name in run.names if "lora_" in name}
    plus, plain = learn("plus", lorap_lr_ratio=16.0, max_steps=1, **options), learn("plain", max_steps=1, **options)
    assert plus.changed == plain.changed
    for name in plus.changed:
        moved = [float((one.after[name] - one.before[name]).abs().max()) for one in (plus, plain)]
        assert moved[0] / moved[1] == pytest.approx(16.0 if "lora_B" in name else 1.0, rel=0.02), name


def test_muonclip_keeps_attention_logits_down(learn: Learn) -> None:
    """The same training with and without the clip: its logits grow beyond the bound, and do not."""

    def note(model: Any, optimizer: Any) -> float:
        return float(getattr(optimizer, "optimizer", optimizer).max_logits.max())

    options = {"optimizer": "muonclip", "learning_rate": 2e-2, "lr_scheduler_type": "constant"}
    free = learn("free", note=note, optim_args="tau=1000000", **options)
    tau = max(free.noted) / 3
    held = learn("held", note=note, optim_args=f"tau={tau}", **options)
    held.require_learned()
    # What is clipped after a step was measured before it: a step may grow the logits a little beyond the bound.
    assert max(free.noted) == 3 * tau and max(held.noted) < 1.5 * tau
    assert held.noted[-1] < free.noted[-1] / 2


def test_parts_of_a_vision_model_learn_at_their_own_rates(
    learning: Any, vision_model: Callable[[str], Path], tmp_path: Path
) -> None:
    from PIL import Image

    Image.new("RGB", (28, 28), "red").save(tmp_path / "red.png")
    rows = tmp_path / "rows.jsonl"
    row = (
        '{"messages": [{"role": "user", "content": "<image>say"}, {"role": "assistant", "content": "red"}],'
        f' "images": ["{tmp_path / "red.png"}"]}}\n'
    )
    rows.write_text(row * 4)
    options = learning.flags(
        vision_model("qwen2_5_vl"), rows, tmp_path / "out", freeze_vit=False, freeze_aligner=False,
        vit_lr=1e-4, aligner_lr=3e-4, template_parity="report", weight_decay=0.0,
    )  # fmt: skip
    run = learning.learn(options)
    run.require_learned()
    assert [(group["part"], group["initial_lr"]) for group in run.optimizer.param_groups] == [
        ("vision_tower", 1e-4), ("vision_tower", 1e-4), ("aligner", 3e-4), ("aligner", 3e-4),
        ("language_model", 3e-3), ("language_model", 3e-3),
    ]  # fmt: skip
    assert {".visual.", ".merger.", ".layers."} <= {
        part for part in (".visual.", ".merger.", ".layers.") if any(part in name for name in run.changed)
    }


def test_a_schedulers_options_reach_it(learn: Learn) -> None:
    run = learn(max_steps=20, lr_scheduler_type="cosine_with_min_lr", lr_scheduler_kwargs={"min_lr": 2e-3})
    rates = [entry["learning_rate"] for entry in run.history if "learning_rate" in entry]
    assert rates[0] == pytest.approx(3e-3) and 2e-3 <= rates[-1] < 2.1e-3


@pytest.mark.parametrize("flag", ["galore_quantization", "galore_proj_quant", "galore_cos_threshold"])
def test_quantised_galore_is_refused_before_work_is_done(flag: str, learn: Learn, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=f"--{flag}: .*Q-GaLore"):
        learn(use_galore=True, **{flag: 0.5 if "cos" in flag else True})
    assert not (tmp_path / "out").exists()
