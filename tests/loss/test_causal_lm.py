import pytest
import torch
from transformers import AutoModelForCausalLM

from swift_lib.loss.causal_lm import weighted_cross_entropy


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
