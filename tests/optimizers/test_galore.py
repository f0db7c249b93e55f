from collections.abc import Callable
from typing import Any

import pytest
import torch

from swift_lib.core.errors import ArgumentError, TrainingError
from swift_lib.optimizers.base import make_optimizer
from swift_lib.optimizers.galore import Galore


def stepped(kind: str, rows: int, columns: int, *, rank: int = 2, steps: int = 1, **more: Any) -> tuple[Any, Any, Any]:
    """A weight before and after some steps on random gradients, and its state."""
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(rows, columns))
    optimizer = Galore([{"params": [weight], "rank": rank, "proj_type": kind, **more}], lr=0.1)
    before = weight.detach().clone()
    for _ in range(steps):
        weight.grad = torch.randn(rows, columns)
        optimizer.step()
    return before, weight.detach(), optimizer.state[weight]


@pytest.mark.parametrize(
    ("kind", "rows", "columns", "shape"),
    [
        ("std", 6, 9, (2, 9)), ("std", 9, 6, (9, 2)), ("reverse_std", 6, 9, (6, 2)), ("reverse_std", 9, 6, (2, 6)),
        ("left", 9, 6, (2, 6)), ("right", 6, 9, (6, 2)), ("full", 6, 9, (2, 2)),
    ],
)  # fmt: skip
def test_the_moments_have_the_projected_shape_and_the_update_the_rank(
    kind: str, rows: int, columns: int, shape: tuple[int, int]
) -> None:
    before, after, state = stepped(kind, rows, columns)
    assert state["exp_avg"].shape == state["exp_avg_sq"].shape == shape
    assert torch.linalg.matrix_rank(after - before, atol=1e-5) == 2


def test_one_step_is_algorithm_2() -> None:
    torch.manual_seed(0)
    weight, gradient = torch.nn.Parameter(torch.randn(6, 9)), torch.randn(6, 9)
    before = weight.detach().clone()
    optimizer = Galore([{"params": [weight], "rank": 2, "scale": 0.25, "weight_decay": 0.1}], lr=0.1, eps=1e-8)
    weight.grad = gradient.clone()
    optimizer.step()
    left = torch.linalg.svd(gradient)[0][:, :2]
    low = left.T @ gradient
    step = low / (low.abs() + 1e-8)  # the first step of Adam, bias corrected: m / (sqrt(v) + eps)
    assert torch.allclose(weight, before * (1 - 0.01) - 0.1 * 0.25 * left @ step, atol=1e-6)


def test_the_projection_is_made_anew_after_the_gap() -> None:
    one = stepped("std", 6, 9, steps=3, update_proj_gap=3)[2]["left"]
    assert torch.equal(one, stepped("std", 6, 9, steps=1, update_proj_gap=3)[2]["left"])
    assert not torch.equal(one, stepped("std", 6, 9, steps=4, update_proj_gap=3)[2]["left"])


def test_a_rank_beyond_the_matrix_is_the_whole_matrix() -> None:
    assert stepped("std", 4, 9, rank=128)[2]["left"].shape == (4, 4)


def test_a_group_without_a_rank_is_adamws() -> None:
    torch.manual_seed(0)
    ours = [torch.nn.Parameter(torch.randn(5)), torch.nn.Parameter(torch.randn(4, 3))]
    theirs = [torch.nn.Parameter(p.detach().clone()) for p in ours]
    pair = (
        Galore([{"params": ours, "weight_decay": 0.1}], lr=0.01, betas=(0.9, 0.95)),
        torch.optim.AdamW(theirs, lr=0.01, betas=(0.9, 0.95), weight_decay=0.1),
    )
    for _ in range(4):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        for optimizer in pair:
            optimizer.step()
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(ours, theirs, strict=True))


def test_half_precision_weights_are_projected_too() -> None:
    weight = torch.nn.Parameter(torch.zeros(6, 9, dtype=torch.bfloat16))
    optimizer = Galore([{"params": [weight], "rank": 2}], lr=0.1)
    weight.grad = torch.randn(6, 9).bfloat16()
    optimizer.step()
    assert weight.abs().sum() > 0 and optimizer.state[weight]["exp_avg"].dtype == torch.bfloat16


def test_a_gradient_that_is_not_a_number_is_refused() -> None:
    weight = torch.nn.Parameter(torch.zeros(6, 9))
    weight.grad = torch.full((6, 9), torch.nan)
    with pytest.raises(TrainingError, match="cannot project a gradient of 6 x 9"):
        Galore([{"params": [weight], "rank": 2}], lr=0.1).step()


def names_of(model: Any, group: dict[str, Any]) -> set[str]:
    return {name for name, parameter in model.named_parameters() if any(parameter is p for p in group["params"])}


def test_linear_layers_but_the_head_are_projected_and_decay_is_as_by_default(trainer: Any, options: Any) -> None:
    own = trainer()
    projected, plain, bare = make_optimizer(None, options(use_galore=True), own).create_optimizer().param_groups
    kinds = {name.rpartition(".weight")[0].rpartition(".")[2] for name in names_of(own.model, projected)}
    assert kinds == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
    assert names_of(own.model, plain) == {"model.embed_tokens.weight"}
    assert all("norm" in name or name.endswith("bias") for name in names_of(own.model, bare))
    assert [group["weight_decay"] for group in (projected, plain, bare)] == [0.1, 0.1, 0.0]
    assert (projected["rank"], projected["update_proj_gap"], plain["rank"]) == (8, 3, None)
    assert sum(len(group["params"]) for group in (projected, plain, bare)) == len(list(own.model.parameters()))


def test_modules_are_chosen_by_the_end_of_their_names_and_embeddings_by_an_argument(trainer: Any, options: Any) -> None:
    own = trainer()
    given = options(use_galore=True, galore_target_modules=["self_attn.q_proj"], galore_with_embedding=True)
    projected = make_optimizer("galore", given, own).create_optimizer().param_groups[0]
    assert names_of(own.model, projected) == {
        "model.layers.0.self_attn.q_proj.weight",
        "model.layers.1.self_attn.q_proj.weight",
        "model.embed_tokens.weight",
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tuner_type": "lora"}, "use --tuner_type full, not lora"),
        ({"galore_target_modules": ["proj"]}, "name ends with 'proj'; they end with down_proj, gate_proj"),
        ({"galore_optim_per_parameter": True}, "--gradient_accumulation_steps 1\n.*--max_grad_norm 0"),
    ],
)
def test_what_it_cannot_do_is_refused(given: dict[str, Any], message: str, trainer: Any, options: Any) -> None:
    own = trainer(gradient_accumulation_steps=2)
    with pytest.raises(ArgumentError, match=message):
        make_optimizer("galore", options(**given), own).create_optimizer()


def test_updating_in_the_backward_pass_is_the_same_without_gradients(
    load: Callable[[], Any], trainer: Any, options: Any, backward: Callable[[Any, int], float]
) -> None:
    models = load(), load()
    given = [{"galore_optim_per_parameter": at_once} for at_once in (False, True)]
    optimizers = [
        make_optimizer("galore", options(**more), trainer(model, max_grad_norm=0.0)).create_optimizer()
        for model, more in zip(models, given, strict=True)
    ]
    for number in range(4):
        for model, optimizer in zip(models, optimizers, strict=True):
            backward(model, number)
            assert all((p.grad is None) is (model is models[1]) for p in model.parameters())
            optimizer.step()
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(one, other)
