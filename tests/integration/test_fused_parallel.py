"""The fused loss where DistributedDataParallel wraps the model: the gradients of one process with all rows."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch.nn.parallel import DistributedDataParallel

from swift_lib.loss.causal_lm import weighted_cross_entropy
from swift_lib.trainers.fused import FusedLoss

pytestmark = pytest.mark.integration

_SPEC = importlib.util.spec_from_file_location("forked", Path(__file__).parents[1] / "forked.py")
assert _SPEC and _SPEC.loader
forked = importlib.util.module_from_spec(_SPEC)
sys.modules["forked"] = forked
_SPEC.loader.exec_module(forked)

torch.set_num_threads(1)
SIZE = 2


def make() -> Any:
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2
    )
    config.use_cache = False
    return transformers.AutoModelForCausalLM.from_config(config).train()


def batch() -> tuple[torch.Tensor, torch.Tensor, int]:
    """Four rows, of which the first process's have fewer trained tokens; how many there are in all."""
    torch.manual_seed(1)
    ids = torch.randint(3, 97, (4, 12))
    labels = ids.masked_fill(torch.rand(4, 12) < 0.3, -100)
    labels[0, 3:] = -100
    return ids, labels, int((labels[:, 1:] != -100).sum())


def gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.grad for name, value in model.named_parameters() if value.grad is not None}


def share(rank: int, find_unused: bool) -> tuple[bool, float, dict[str, torch.Tensor]]:
    """Two steps of one process, with its half of the rows: whether no logits were made, loss and gradients."""
    ids, labels, items = batch()
    model = DistributedDataParallel(make(), find_unused_parameters=find_unused)
    loss = FusedLoss()
    for _ in range(2):  # what a first step left out would be missed in the second
        model.zero_grad()
        rows = slice(2 * rank, 2 * rank + 2)
        found = loss(model, {"input_ids": ids[rows]}, labels[rows], num_items_in_batch=items / SIZE)
        found.loss.backward()
    return found.outputs.logits.shape[1] == 0, found.loss.item(), gradients(model.module)


@pytest.mark.parametrize("find_unused", [False, True])
def test_every_trained_parameter_is_seen_by_data_parallel(find_unused: bool) -> None:
    ids, labels, items = batch()
    alone = make()
    expected = weighted_cross_entropy(alone(input_ids=ids).logits, labels, num_items_in_batch=float(items))
    expected.backward()
    exact = gradients(alone)
    answers = forked.together(share, SIZE, find_unused)
    assert [is_fused for is_fused, _, _ in answers] == [True] * SIZE
    assert sum(loss for _, loss, _ in answers) / SIZE == pytest.approx(expected.item(), rel=1e-6)
    for _, _, found in answers:
        assert found.keys() == exact.keys()
        for name, gradient in found.items():
            torch.testing.assert_close(gradient, exact[name], rtol=1e-4, atol=1e-7, msg=name)
