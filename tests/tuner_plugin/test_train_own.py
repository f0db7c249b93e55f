"""Training with our own tuners: new layers, bottlenecks, edited hidden states, sparse attention."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from swift_lib.tuner_plugin.longlora import SHIFTED
from swift_lib.tuner_plugin.reft import FORMS


def test_llamapro(train: Callable[..., Any], require_tuned: Callable[..., None], tmp_path: Any) -> None:
    """Two layers become four; the new ones are trained. Merged, it is a Qwen2 of four layers."""
    run = train(tuner_type="llamapro", llamapro_num_new_blocks=2, learning_rate=2e-3)
    require_tuned(run, lambda name: name.startswith(("model.layers.1.", "model.layers.3.")))
    assert [layer.self_attn.layer_idx for layer in run.model.model.layers] == [0, 1, 2, 3]
    merged = json.loads((tmp_path / "merged" / "config.json").read_text())
    assert (merged["architectures"], merged["num_hidden_layers"]) == (["Qwen2ForCausalLM"], 4)
    assert len(merged["layer_types"]) == 4


def test_adapter(train: Callable[..., Any], require_tuned: Callable[..., None]) -> None:
    run = train(tuner_type="adapter", adapter_length=16)
    require_tuned(run, lambda name: ".adapter." in name, merges=False)
    for layer in run.model.model.layers:
        for place in (layer.self_attn.o_proj, layer.mlp):
            assert place.adapter.down.weight.shape == (16, 64)


@pytest.mark.parametrize("form", ["LoreftIntervention", "NodireftIntervention"])
def test_reft(form: str, train: Callable[..., Any], require_tuned: Callable[..., None]) -> None:
    run = train(tuner_type="reft", reft_intervention_type=form, reft_layers=[1], learning_rate=2e-2)
    require_tuned(run, lambda name: name.startswith("model.layers.1.reft."), merges=False)
    rotation = run.model.model.layers[1].reft.rotation()
    is_orthonormal = torch.allclose(rotation @ rotation.T, torch.eye(4), atol=1e-5)
    assert is_orthonormal == FORMS[form].orthonormal


def test_longlora(train: Callable[..., Any], require_tuned: Callable[..., None]) -> None:
    """Attention is sparse in training; afterwards it is a LoRA with embeddings and norms."""
    run = train(tuner_type="longlora", learning_rate=3e-3, lora_dropout=0.0)
    require_tuned(run, lambda name: ".lora_" in name or ".modules_to_save." in name)
    assert run.model.config._attn_implementation == SHIFTED
    trained = {name.rpartition(".modules_to_save")[0].rpartition(".")[2] for name in run.changed} - {""}
    assert trained == {"embed_tokens", "norm", "input_layernorm", "post_attention_layernorm"}
