"""Which modules the shorthands, names and patterns mean."""

from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, MixtralConfig, MixtralForCausalLM

from swift_lib.arguments.tuner import TunerArguments
from swift_lib.core.errors import ArgumentError, ModelError
from swift_lib.model.loader import get_model_processor
from swift_lib.tuner_plugin.lora import LoraTuner
from swift_lib.utils import find_all_linears, get_multimodal_target_regex

LINEAR = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]


def options(**more: Any) -> SimpleNamespace:
    given = {"adapters": [], "gradient_checkpointing": False, "lora_dropout": 0.0, **more}
    return SimpleNamespace(**{**asdict(TunerArguments()), **given})


@pytest.fixture()
def model(tiny_model: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(tiny_model)


@pytest.fixture()
def experts() -> Any:
    """A mixture of experts, whose router and experts are no linear layers."""
    torch.manual_seed(0)
    return MixtralForCausalLM(MixtralConfig(
        vocab_size=40, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, num_local_experts=4,
    ))  # fmt: skip


def tuned(model: Any, **more: Any) -> set[str]:
    """Names of the modules and parameters that got an adapter, or are trained in full."""
    trained = [name for name, value in LoraTuner.prepare_model(options(**more), model).named_parameters()
               if value.requires_grad]  # fmt: skip
    return {name.removeprefix("base_model.model.").split(".lora_")[0].split(".modules_to_save")[0] for name in trained}


def test_all_linear_layers_by_the_ends_of_their_names(model: Any) -> None:
    assert find_all_linears(model) == LINEAR


def test_the_head_of_a_task_is_none_of_them(tiny_model: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(tiny_model, num_labels=2)
    assert find_all_linears(model) == LINEAR


def test_an_end_that_means_something_else_too_is_told_in_full(model: Any) -> None:
    model.model.layers[0].add_module("q_proj", torch.nn.Identity())
    names = find_all_linears(model)
    assert "q_proj" not in names and "model.layers.0.self_attn.q_proj" in names and "k_proj" in names


def test_of_a_vision_model_those_of_the_parts_that_are_trained(vision_model: Any) -> None:
    model, _ = get_model_processor(str(vision_model("qwen2_5_vl")))
    language, vision = find_all_linears(model), find_all_linears(model, freeze_llm=True, freeze_vit=False)
    assert language and all(name.startswith("model.language_model.layers.") for name in language)
    assert vision and all(name.startswith("model.visual.") and ".merger." not in name for name in vision)
    pattern = get_multimodal_target_regex(model, include_embedding=True)
    assert "embed_tokens" in pattern and "visual" not in pattern


def test_a_text_model_has_no_parts(model: Any) -> None:
    with pytest.raises(ModelError, match="does not say where language model, vision tower and aligner are"):
        get_multimodal_target_regex(model)


def test_embeddings_beside_linear_layers(model: Any) -> None:
    found = tuned(model, target_modules=["all-linear", "all-embedding"])
    assert "model.embed_tokens" in found and {name.rpartition(".")[2] for name in found} == {*LINEAR, "embed_tokens"}


def test_a_pattern_overrides_names(model: Any) -> None:
    found = tuned(model, target_modules=["k_proj"], target_regex=r"model\.layers\.1\..*\.[qv]_proj")
    assert found == {"model.layers.1.self_attn.q_proj", "model.layers.1.self_attn.v_proj"}
    with pytest.raises(ArgumentError, match="no module's whole name fits 'q_proj'"):
        tuned(model, target_regex="q_proj")


def test_routers_and_experts_that_are_no_modules(experts: Any) -> None:
    routers = tuned(experts, target_modules=["all-router"])
    assert routers == {"model.layers.0.mlp.gate", "model.layers.1.mlp.gate"}


def test_parameters_of_experts(experts: Any) -> None:
    found = tuned(experts, target_modules=["q_proj"], target_parameters=["mlp.experts.down_proj"])
    assert {name.rpartition(".")[2] for name in found} == {"q_proj", "experts"}


def test_a_model_without_experts_has_no_router(model: Any) -> None:
    with pytest.raises(ArgumentError, match="all-router needs a mixture of experts"):
        tuned(model, target_modules=["all-router"])


def test_embeddings_and_norms_in_full(model: Any) -> None:
    found = tuned(model, target_modules=["q_proj"], modules_to_save=["all-embedding", "all-norm"])
    full = {name for name in found if "q_proj" not in name}
    assert full == {
        "model.embed_tokens", "model.norm",
        *(f"model.layers.{n}.{name}_layernorm" for n in (0, 1) for name in ("input", "post_attention")),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"modules_to_save": ["lm_heat"]}, "modules_to_save: the model has no 'lm_heat'"),
        ({"target_parameters": ["experts.w9"]}, "no parameter's name ends with 'experts.w9'"),
    ],
)
def test_what_the_model_lacks_is_named(model: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        tuned(model, **given)
