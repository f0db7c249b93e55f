from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from swift_lib.core.errors import ArgumentError
from swift_lib.optimizers.attention_logits import max_logits, measure, measured_attentions, take_maxima
from swift_lib.optimizers.base import make_optimizer


def rows() -> torch.Tensor:
    return torch.randint(3, 300, (2, 12), generator=torch.Generator().manual_seed(0))


def grown(model: Any, by: float = 8.0) -> Any:
    """The same model with larger queries and keys."""
    with torch.no_grad():
        for layer in model.model.layers:
            for projection in (layer.self_attn.q_proj, layer.self_attn.k_proj):
                projection.weight.mul_(by)
                projection.bias.normal_(0, 1)
    return model


def logits_by_hand(model: Any, ids: torch.Tensor, layer: int) -> torch.Tensor:
    """(heads,) largest logit of a layer, from its input and transformers' own rotation."""
    from transformers.models.qwen2.modeling_qwen2 import apply_rotary_pos_emb

    with torch.no_grad():
        hidden = model(ids, output_hidden_states=True).hidden_states[layer]
        block = model.model.layers[layer]
        hidden = block.input_layernorm(hidden)
        shape = (*ids.shape, -1, block.self_attn.head_dim)
        query, key = (
            getattr(block.self_attn, name)(hidden).view(shape).transpose(1, 2) for name in ("q_proj", "k_proj")
        )
        positions = model.model.rotary_emb(hidden, torch.arange(ids.shape[1])[None])
        query, key = apply_rotary_pos_emb(query, key, *positions)
        key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
        logits = query @ key.transpose(2, 3) / block.self_attn.head_dim**0.5
        return logits.masked_fill(~torch.ones(logits.shape[2:]).tril().bool(), -torch.inf).amax(dim=(0, 2, 3))


def test_what_is_measured_are_the_models_own_logits(load: Callable[[], Any]) -> None:
    model, ids = grown(load()), rows()
    expected = torch.stack([logits_by_hand(model, ids, layer) for layer in range(2)])
    before = model(ids).logits
    attentions = measured_attentions(model)
    measure(model)
    assert torch.equal(model(ids).logits, before)  # beside the attention, not in it
    assert torch.allclose(take_maxima(attentions), expected, rtol=1e-4)
    assert torch.equal(take_maxima(attentions), torch.full((2, 2), -torch.inf))  # taken
    model.eval()(ids)
    assert torch.equal(take_maxima(attentions), torch.full((2, 2), -torch.inf))  # in training only


def test_masked_pairs_do_not_count() -> None:
    torch.manual_seed(0)
    query, key = torch.randn(1, 2, 200, 8), torch.randn(1, 1, 200, 8)  # more rows than are held at a time
    causal = torch.ones(200, 200).tril().bool()[None, None]
    whole = max_logits(query, key)
    assert torch.equal(max_logits(query, key, causal), whole)
    added = torch.zeros(causal.shape).masked_fill(~causal, torch.finfo(torch.float32).min)
    assert torch.equal(max_logits(query, key, added), whole)
    halves = causal & (torch.arange(200)[:, None] // 100 == torch.arange(200) // 100)
    apart = torch.stack([max_logits(query[:, :, part], key[:, :, part]) for part in (slice(0, 100), slice(100, 200))])
    assert torch.allclose(max_logits(query, key, halves), apart.amax(dim=0))
    assert not torch.allclose(apart.amax(dim=0), whole)
    # Padding: its keys do not count.
    loud = torch.cat([key[:, :, :150], 100 * key[:, :, 150:]], dim=2)
    assert torch.all(max_logits(query, loud, torch.arange(200)[None] < 150) < 2 * whole)


def clipped(model: Any, trainer: Any, options: Any, tau: float, **given: Any) -> Any:
    own = trainer(model, optim_args=f"tau={tau}", **{"learning_rate": 0.0, **given})
    optimizer = make_optimizer("muonclip", options(), own).create_optimizer()
    model(rows(), labels=rows()).loss.backward()
    optimizer.step()
    return optimizer


@pytest.mark.parametrize("heads", [2, 4], ids=["a key head for each", "shared key heads"])
def test_every_heads_logits_end_at_the_bound(heads: int, tmp_path: Path, trainer: Any, options: Any) -> None:
    config = transformers.Qwen2Config(
        vocab_size=320, hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=heads,
        num_key_value_heads=2,
    )  # fmt: skip
    torch.manual_seed(0)
    model = grown(transformers.Qwen2ForCausalLM(config)).train()
    before = logits_by_hand(model, rows(), 0)  # the first layer's input does not change
    tau = float(before.min() + before.max()) / 2  # above some heads' logits and below others'
    optimizer = clipped(model, trainer, options, tau)
    assert torch.allclose(optimizer.max_logits[0], before, rtol=1e-4)
    after = logits_by_hand(model, rows(), 0)
    assert torch.allclose(after, before.clamp(max=tau), rtol=1e-4)


def test_below_the_bound_it_is_muon(
    load: Callable[[], Any], trainer: Any, options: Any, backward: Callable[[Any, int], float]
) -> None:
    models = load(), load()
    for name, model in zip(("muon", "muonclip"), models, strict=True):
        optimizer = make_optimizer(name, options(), trainer(model)).create_optimizer()
        for number in range(3):
            backward(model, number)
            optimizer.step()
    for one, other in zip(models[0].parameters(), models[1].parameters(), strict=True):
        assert torch.equal(one, other)


def test_the_largest_of_all_micro_batches_counts(load: Callable[[], Any], trainer: Any, options: Any) -> None:
    model = grown(load())
    optimizer = make_optimizer("muonclip", options(), trainer(model, learning_rate=0.0)).create_optimizer()
    found = []
    for ids in (rows(), rows().flip(1), None):
        for batch in (ids,) if ids is not None else (rows(), rows().flip(1)):
            model(batch, labels=batch).loss.backward()
        optimizer.tau = torch.inf
        optimizer.step()
        found.append(optimizer.max_logits)
    assert torch.equal(found[2], torch.maximum(found[0], found[1]))


def test_gradient_checkpointing_measures_the_same(load: Callable[[], Any], trainer: Any, options: Any) -> None:
    plain, saving = grown(load()), load()
    saving.load_state_dict(plain.state_dict())
    saving.gradient_checkpointing_enable({"use_reentrant": False})
    found = [clipped(model, trainer, options, 1e9).max_logits for model in (plain, saving)]
    assert torch.equal(*found)


def test_what_cannot_be_clipped_is_refused(
    load: Callable[[], Any], tiny_model: Path, trainer: Any, options: Any
) -> None:
    with pytest.raises(ArgumentError, match="scales the weights themselves"):
        make_optimizer("muonclip", options(tuner_type="lora"), trainer())
    with pytest.raises(ArgumentError, match="tau must be greater than 0"):
        make_optimizer("muonclip", options(), trainer(optim_args="tau=0"))
    normed = transformers.Qwen3ForCausalLM(
        transformers.Qwen3Config(
            vocab_size=32, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=2, head_dim=8,
        )
    )  # fmt: skip
    with pytest.raises(ArgumentError, match=r"self_attn has q_norm, k_norm, .* use --optimizer muon"):
        make_optimizer("muonclip", options(), trainer(normed)).create_optimizer()
    eager = transformers.AutoModelForCausalLM.from_pretrained(tiny_model, attn_implementation="eager")
    with pytest.raises(ArgumentError, match="measures beside sdpa and flash attention, not eager"):
        make_optimizer("muonclip", options(), trainer(eager)).create_optimizer()
    frozen = load()
    frozen.model.layers[1].self_attn.k_proj.weight.requires_grad_(False)
    with pytest.raises(ArgumentError, match=r"layers\.1\.self_attn is frozen"):
        make_optimizer("muonclip", options(), trainer(frozen)).create_optimizer()


def test_the_saved_configuration_does_not_tell_of_it(load: Callable[[], Any], tmp_path: Path) -> None:
    model = load()
    measure(model)
    model.save_pretrained(tmp_path)
    assert "_measured" not in (tmp_path / "config.json").read_text()
