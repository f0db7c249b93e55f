import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from swift_lib.loss.base import make_loss
from swift_lib.loss.causal_lm import dft_loss, per_token_loss_func, weighted_cross_entropy, with_router_loss


def test_it_is_the_loss_of_the_model_itself(tiny_model: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model)
    ids = torch.arange(24).reshape(2, 12)
    labels = ids.clone()
    labels[0, :5] = -100
    labels[1, 9:] = -100
    with torch.no_grad():
        outputs = model(input_ids=ids, labels=labels)
    torch.testing.assert_close(weighted_cross_entropy(outputs.logits, labels), outputs.loss)


def test_weights_by_hand() -> None:
    """Two tokens, each with p = 1/4: log 4 times its weight, over the number of trained tokens, not of weights."""
    logits, labels = torch.zeros(1, 3, 4), torch.tensor([[-100, 1, 2]])
    scale = torch.tensor([[0.0, 0.5, 2.0]])
    found = weighted_cross_entropy(logits, labels, loss_scale=scale)
    assert found.item() == pytest.approx((0.5 + 2.0) * torch.log(torch.tensor(4.0)).item() / 2)


def test_weights_of_one_change_nothing() -> None:
    logits, labels = torch.randn(2, 6, 9), torch.randint(0, 9, (2, 6))
    ones = torch.ones(2, 6)
    assert torch.equal(weighted_cross_entropy(logits, labels, loss_scale=ones), weighted_cross_entropy(logits, labels))


def test_batches_of_a_window_add_up_to_the_one_big_batch() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(4, 7, 11), torch.randint(0, 11, (4, 7))
    labels[0, 2:] = -100
    count = (labels[:, 1:] != -100).sum()
    parts = [weighted_cross_entropy(logits[i : i + 1], labels[i : i + 1], num_items_in_batch=count) for i in range(4)]
    torch.testing.assert_close(sum(parts), weighted_cross_entropy(logits, labels))


def test_half_precision_logits_are_summed_in_full() -> None:
    logits = torch.randn(1, 5, 8, dtype=torch.bfloat16)
    assert weighted_cross_entropy(logits, torch.arange(5)[None]).dtype == torch.float32


def batch(seed: int = 0) -> tuple[SimpleNamespace, torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    labels = torch.randint(0, 11, (3, 7))
    labels[:, 0] = -100
    labels[1, 4:] = -100
    return SimpleNamespace(logits=torch.randn(3, 7, 11, requires_grad=True)), labels, torch.rand(3, 7)


def test_token_losses_are_flat_shifted_and_zero_where_nothing_is_trained() -> None:
    outputs, labels, _ = batch()
    each = per_token_loss_func(outputs, labels, anything="a plugin has")
    assert each.shape == (21,) and each.dtype == torch.float32
    expected = -outputs.logits.log_softmax(-1)[0, 2, labels[0, 3]]
    torch.testing.assert_close(each[2], expected)
    assert each.reshape(3, 7)[:, -1].tolist() == [0.0, 0.0, 0.0]
    assert (each.reshape(3, 7)[:, :-1] != 0).equal(labels[:, 1:] != -100)
    assert each.equal(per_token_loss_func({"logits": outputs.logits}, labels))


def test_the_caller_keeps_its_labels() -> None:
    outputs, labels, _ = batch()
    before = labels.clone()
    per_token_loss_func(outputs, labels)
    assert labels.equal(before)


@pytest.mark.parametrize("count", [None, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_reference_class_is_the_default(count: int | None, weighted: bool) -> None:
    outputs, labels, scale = batch()
    loss_scale = scale if weighted else None
    found = make_loss("cross_entropy", None, None)(outputs, labels, num_items_in_batch=count, loss_scale=loss_scale)
    expected = weighted_cross_entropy(outputs.logits, labels, num_items_in_batch=count, loss_scale=loss_scale)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(loss, outputs.logits)[0] for loss in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_dynamic_fine_tuning_weighs_by_the_tokens_probability() -> None:
    """Its gradient is that of -p.detach() * log p, which is the gradient of -p."""
    outputs, labels, scale = batch()
    loss = make_loss("cross_entropy", SimpleNamespace(enable_dft_loss=True), None)
    found = torch.autograd.grad(loss(outputs, labels, num_items_in_batch=1, loss_scale=scale), outputs.logits)[0]
    targets = labels[:, 1:].clamp(min=0).unsqueeze(-1)
    probability = outputs.logits[:, :-1].softmax(-1).gather(-1, targets).squeeze(-1)
    expected = torch.autograd.grad(-(probability * scale[:, 1:] * (labels[:, 1:] != -100)).sum(), outputs.logits)[0]
    torch.testing.assert_close(found, expected)


def test_a_certain_token_keeps_its_loss_and_a_hopeless_one_loses_it() -> None:
    assert dft_loss(torch.tensor([0.0, math.log(2), 100.0])).tolist() == pytest.approx([0.0, math.log(2) / 2, 0.0])


def test_the_balance_loss_of_experts_is_added() -> None:
    outputs = SimpleNamespace(aux_loss=torch.tensor(3.0))
    assert with_router_loss(torch.tensor(1.0), outputs, 0.5).item() == 2.5


@st.composite
def rows_of_labels(draw: st.DrawFn) -> list[list[int]]:
    return draw(st.lists(st.lists(st.integers(-1, 6), min_size=1, max_size=6), min_size=1, max_size=4))


@settings(max_examples=60, deadline=None)
@given(rows_of_labels(), st.integers(0, 100), st.booleans())
def test_rows_in_one_sequence_have_the_loss_of_rows_in_lines(rows: list[list[int]], seed: int, dft: bool) -> None:
    """Whether rows are padded to lines, on either side, or lie side by side."""
    generator = torch.Generator().manual_seed(seed)
    width = max(map(len, rows))
    labels = [torch.tensor([-100, *(-100 if token < 0 else token for token in row[1:])]) for row in rows]
    logits = [torch.randn(len(row), 7, generator=generator) for row in rows]
    weights = [torch.rand(len(row), generator=generator) for row in rows]

    def lines(parts: list[torch.Tensor], fill: float, left: bool) -> torch.Tensor:
        padding = [(torch.full((width - len(part), *part.shape[1:]), fill).to(part), part) for part in parts]
        return torch.stack([torch.cat(pair if left else pair[::-1]) for pair in padding])

    loss = make_loss("cross_entropy", SimpleNamespace(enable_dft_loss=dft), None)
    packed = loss(
        SimpleNamespace(logits=torch.cat(logits)[None]),
        torch.cat(labels)[None],
        num_items_in_batch=3,
        loss_scale=torch.cat(weights)[None],
    )
    for left in (False, True):
        padded = loss(
            SimpleNamespace(logits=lines(logits, 0.0, left)),
            lines(labels, -100, left),
            num_items_in_batch=3,
            loss_scale=lines(weights, 0.0, left),
        )
        torch.testing.assert_close(padded, packed)
