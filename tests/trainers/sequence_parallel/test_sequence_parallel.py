"""Attention over a sequence in parts is attention over the whole: values, gradients, masks, uneven heads."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import distributed
from transformers import AutoModelForCausalLM, Qwen2Config
from transformers.integrations.sdpa_attention import sdpa_attention_forward

from swift_lib.core.errors import TrainingError
from swift_lib.trainers.sequence_parallel import SequenceParallel
from swift_lib.trainers.sequence_parallel.attention import Group, attention, key_copies, register
from swift_lib.trainers.sequence_parallel.split import require_parallel

torch.set_num_threads(1)

_SPEC = importlib.util.spec_from_file_location("forked", Path(__file__).parents[2] / "forked.py")
assert _SPEC and _SPEC.loader
forked = importlib.util.module_from_spec(_SPEC)
sys.modules["forked"] = forked
_SPEC.loader.exec_module(forked)


def states(heads: int, keys: int) -> list[torch.Tensor]:
    torch.manual_seed(3)
    return [torch.randn(2, count, 12, 8) for count in (heads, keys, keys)]


def whole(heads: int, keys: int, mask: torch.Tensor | None) -> list[torch.Tensor]:
    """Output and gradients of ordinary attention."""
    given = [value.requires_grad_() for value in states(heads, keys)]
    module: Any = SimpleNamespace(num_key_value_groups=heads // keys, is_causal=True)
    output, _ = sdpa_attention_forward(module, *given, mask)
    (output * torch.arange(output.numel()).reshape(output.shape).sin()).sum().backward()
    return [output.detach(), *(value.grad for value in given)]


def parts(rank: int, size: int, heads: int, keys: int, mask: torch.Tensor | None) -> list[torch.Tensor]:
    group = Group(size, distributed.group.WORLD)
    group.active = True
    register(group)
    given = [value.chunk(size, dim=2)[rank].clone().requires_grad_() for value in states(heads, keys)]
    module: Any = SimpleNamespace(num_key_value_groups=heads // keys, is_causal=True)
    output, _ = attention(module, *given, mask)
    weights = torch.arange(output.numel() * size).reshape(2, 12, heads, 8).sin().chunk(size, dim=1)[rank]
    (output * weights).sum().backward()
    return [output.detach(), *(value.grad for value in given)]


@pytest.mark.parametrize(("size", "heads", "keys"), [(2, 4, 4), (2, 4, 2), (2, 4, 1), (3, 6, 2), (4, 12, 6)])
@pytest.mark.parametrize("masked", [False, True])
def test_parts_are_the_whole(size: int, heads: int, keys: int, masked: bool) -> None:
    torch.manual_seed(1)
    mask = torch.ones(12, 12).tril().bool() & (torch.rand(12, 12) < 0.7) | torch.eye(12).bool() if masked else None
    mask = None if mask is None else mask.expand(2, 1, 12, 12)
    expected = whole(heads, keys, mask)
    answers = forked.together(parts, size, size, heads, keys, mask)
    for at, dim in enumerate((1, 2, 2, 2)):
        found = torch.cat([answer[at] for answer in answers], dim=dim)
        assert torch.allclose(found, expected[at], atol=1e-6), at


@pytest.mark.parametrize(
    ("heads", "keys", "size", "copies"),
    [(8, 8, 4, 1), (8, 2, 2, 1), (8, 2, 4, 2), (8, 1, 2, 2), (12, 6, 4, 2), (6, 2, 3, 3)],
)
def test_keys_are_repeated_as_little_as_possible(heads: int, keys: int, size: int, copies: int) -> None:
    assert key_copies(heads, keys, size) == copies
    assert keys * copies % size == 0 and heads % (keys * copies) == 0


def losses(rank: int, size: int, folder: str, packed: bool, window: int | None) -> Any:
    """This process's part of the summed loss, and the summed gradients of all parts."""
    model = tiny(folder, window)
    sequence = SequenceParallel(model, size, rank, size) if size > 1 else None
    batch = rows(packed)
    if sequence is None:
        labels = batch.pop("labels")
        loss = summed(model(**batch).logits[:, :-1], labels[:, 1:])
        loss.backward()
    else:
        with sequence.step():
            own = sequence.split(batch)
            labels = own.pop("labels")
            loss = summed(model(**own).logits, labels[:, 1:])
            loss.backward()
    gradients = {name: value.grad for name, value in model.named_parameters() if value.grad is not None}
    if size > 1:
        for value in (loss.detach(), *gradients.values()):
            distributed.all_reduce(value)
    return float(loss.detach()), gradients


def summed(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")


def rows(packed: bool) -> dict[str, torch.Tensor]:
    """Two padded rows, or three in one sequence; of a length that no number of processes divides."""
    torch.manual_seed(2)
    if packed:
        ids = torch.randint(3, 300, (1, 23))
        positions = torch.cat([torch.arange(n) for n in (7, 11, 5)])[None]
        labels = ids.masked_fill(positions == 0, -100)
        return {"input_ids": ids, "position_ids": positions, "labels": labels}
    ids = torch.randint(3, 300, (2, 23))
    present = torch.ones_like(ids)
    present[1, 15:] = 0
    return {"input_ids": ids, "attention_mask": present, "labels": ids.masked_fill(present == 0, -100)}


def tiny(folder: str, window: int | None) -> Any:
    config = Qwen2Config.from_pretrained(folder)
    config.use_cache = False  # as in training: with one, transformers does not look for joined rows
    if window:
        config.use_sliding_window, config.sliding_window = True, window
        config.layer_types = ["full_attention", "sliding_attention"]
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")


@pytest.mark.parametrize(("packed", "window"), [(False, None), (True, None), (False, 6), (True, 6)])
def test_a_models_loss_and_gradients_are_those_of_whole_sequences(
    packed: bool, window: int | None, tiny_model: Path
) -> None:
    expected, gradients = losses(0, 1, str(tiny_model), packed, window)
    for loss, found in forked.together(losses, 2, 2, str(tiny_model), packed, window):
        assert loss == pytest.approx(expected, rel=1e-5)
        assert found.keys() == gradients.keys()
        assert all(torch.allclose(found[name], gradients[name], atol=1e-4) for name in gradients)


@pytest.mark.parametrize(
    ("changes", "size", "told"),
    [
        ({}, 3, "2 attention heads cannot be dealt out to 3 processes"),
        ({"layer_types": ["full_attention", "linear_attention"]}, 2, "layers of linear_attention"),
        ({"vision_config": {}}, 2, "images are put into whole sequences"),
    ],
)
def test_models_that_cannot_share(changes: dict[str, Any], size: int, told: str, tiny_model: Path) -> None:
    config = Qwen2Config.from_pretrained(tiny_model)
    for name, value in changes.items():
        object.__setattr__(config, name, value)
    config._attn_implementation = "sdpa"
    with pytest.raises(TrainingError, match=told):
        require_parallel(SimpleNamespace(config=config, _supports_sdpa=True), size)


def test_a_model_that_does_not_ask_is_found_out() -> None:
    def step(_rank: int) -> str:
        text = SimpleNamespace(num_attention_heads=2)
        config = SimpleNamespace(get_text_config=lambda: text, _attn_implementation="sdpa")
        model = SimpleNamespace(config=config, _supports_sdpa=True, set_attn_implementation=lambda name: None)
        with pytest.raises(TrainingError, match="attention interface"), SequenceParallel(model, 2, _rank, 2).step():
            pass
        return "found"

    assert forked.together(step, 2) == ["found", "found"]
