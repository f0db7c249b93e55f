from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from swift_lib.arguments.tuner import BUILT_IN, TunerArguments
from swift_lib.core.errors import ArgumentError
from swift_lib.tuner_plugin.base import Tuner
from swift_lib.tuner_plugin.full import FullTuner
from swift_lib.tuner_plugin.lora import LoraTuner
from swift_lib.tuner_plugin.mapping import tuners_map


def options(**more: Any) -> SimpleNamespace:
    values = {"adapters": [], "gradient_checkpointing": False, "lora_rank": 4, "lora_alpha": 8.0, "lora_dropout": 0.0}
    return SimpleNamespace(**{**asdict(TunerArguments()), **values, **more})


@pytest.fixture()
def model(tiny_model: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(tiny_model)


def trained(model: torch.nn.Module) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def test_every_name_keeps_the_contract() -> None:
    assert set(BUILT_IN) == set(tuners_map.names())
    assert all(issubclass(tuners_map[name], Tuner) for name in BUILT_IN)


def test_all_linear_is_every_linear_layer_but_the_head(model: Any) -> None:
    names = trained(LoraTuner.prepare_model(options(), model))
    assert names and all(".lora_" in name for name in names)
    kinds = {name.split(".lora_")[0].rpartition(".")[2] for name in names}
    assert kinds == {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}


def test_the_adapter_starts_as_nothing(model: Any) -> None:
    ids = torch.arange(20)[None]
    with torch.no_grad():
        before = model(ids).logits
        after = LoraTuner.prepare_model(options(), model)(ids).logits
    assert torch.equal(before, after)


@pytest.mark.parametrize(
    ("given", "expected"),
    [({"use_rslora": True}, 8.0 / 2.0), ({}, 8.0 / 4.0)],
    ids=["rslora", "plain"],
)
def test_the_update_is_scaled_as_the_papers_say(model: Any, given: dict[str, Any], expected: float) -> None:
    tuned = LoraTuner.prepare_model(options(**given), model)
    layer = next(module for name, module in tuned.named_modules() if name.endswith("q_proj"))
    assert layer.scaling["default"] == pytest.approx(expected)


def test_modules_to_save_are_trained_in_full(model: Any) -> None:
    names = trained(LoraTuner.prepare_model(options(target_modules=["q_proj"], modules_to_save=["norm"]), model))
    assert any(".norm." in name and ".lora_" not in name for name in names)


def test_target_modules_that_the_model_lacks_are_named(model: Any) -> None:
    with pytest.raises(ArgumentError, match=r"no 'q_prj'; its linear layers: .*q_proj"):
        LoraTuner.prepare_model(options(target_modules=["q_prj", "v_proj"]), model)


def test_half_precision_bases_get_full_precision_adapters(tiny_model: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model, dtype=torch.bfloat16)
    tuned = LoraTuner.prepare_model(options(), model)
    dtypes = {parameter.dtype for parameter in tuned.parameters() if parameter.requires_grad}
    assert dtypes == {torch.float32}


def test_training_goes_on_from_saved_adapters(tiny_model: Path, model: Any, tmp_path: Path) -> None:
    tuned = LoraTuner.prepare_model(options(), model)
    with torch.no_grad():
        for parameter in tuned.parameters():
            if parameter.requires_grad:
                parameter.fill_(0.01)
    LoraTuner.save_pretrained(tuned, str(tmp_path))
    again = LoraTuner.prepare_model(options(adapters=[str(tmp_path)]), AutoModelForCausalLM.from_pretrained(tiny_model))
    values = [parameter for parameter in again.parameters() if parameter.requires_grad]
    assert values and all(torch.all(value == 0.01) for value in values)


def test_full_freezes_and_unfreezes_by_the_beginning_of_names(model: Any) -> None:
    given = options(freeze_parameters=["model.layers"], trainable_parameters=["model.layers.1.mlp"])
    names = trained(FullTuner.prepare_model(given, model))
    assert any(name.startswith("model.layers.1.mlp") for name in names)
    assert not any(name.startswith(("model.layers.0", "model.layers.1.self_attn")) for name in names)
    assert any(name.startswith("model.embed_tokens") for name in names)


def test_a_beginning_that_fits_nothing_is_an_error(model: Any) -> None:
    with pytest.raises(ArgumentError, match="no parameter begins with 'modell'"):
        FullTuner.prepare_model(options(freeze_parameters=["modell"]), model)


def test_nothing_to_train_is_an_error(model: Any) -> None:
    with pytest.raises(ArgumentError, match="nothing is left to train"):
        FullTuner.prepare_model(options(freeze_parameters=["model"]), model)
