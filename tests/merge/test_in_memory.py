import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoHaConfig, LoraConfig, PeftModel, PeftType, PromptTuningConfig, get_peft_model
from transformers import AutoModelForCausalLM

from swift_lib.core.errors import ModelError
from swift_lib.merge.adapter import read_adapter
from swift_lib.merge.in_memory import attach, merge_attached
from swift_lib.merge.kinds import MERGES, STAYS

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft's, about the very cases tested here
        yield


def make(base: Path, folder: Path, config: Any) -> Path:
    """An adapter whose every trained tensor is random."""
    torch.manual_seed(0)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    "options",
    [
        {"target_modules": ["q_proj", "down_proj"]},
        {"target_modules": ["embed_tokens", "q_proj"]},
        {"target_modules": ["lm_head", "q_proj"]},
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
        {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens"]},
        {"target_modules": ["q_proj"], "bias": "all"},
        {"target_modules": ["q_proj"], "use_dora": True},
        {"target_modules": ["q_proj"], "use_rslora": True},
    ],
    ids=lambda options: "-".join(str(value) for value in options.values()),
)
def test_saved_merged_weights_answer_as_before(tiny_model: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    """The base ties its embeddings: an adapter of one of them must not leak into the other."""
    folder = make(tiny_model, tmp_path / "adapter", LoraConfig(r=4, task_type="CAUSAL_LM", **options))
    ids = torch.arange(0, 300, 7)[None]
    with torch.no_grad():
        base = AutoModelForCausalLM.from_pretrained(tiny_model)
        expected = PeftModel.from_pretrained(base, str(folder)).eval()(ids).logits
    adapter = read_adapter(folder)
    model, evidence = merge_attached(attach(AutoModelForCausalLM.from_pretrained(tiny_model), adapter), adapter)
    model.save_pretrained(tmp_path / "merged")
    with torch.no_grad():
        found = AutoModelForCausalLM.from_pretrained(tmp_path / "merged").eval()(ids).logits
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    assert evidence.merged_difference < 1e-4 < evidence.adapter_effect


def test_embeddings_stay_tied_where_no_adapter_touched_them(tiny_model: Path, tmp_path: Path) -> None:
    adapter = read_adapter(make(tiny_model, tmp_path / "a", LoraConfig(r=2, target_modules=["v_proj"])))
    model, _ = merge_attached(attach(AutoModelForCausalLM.from_pretrained(tiny_model), adapter), adapter)
    assert model.config.tie_word_embeddings
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight


def test_an_adapter_of_a_larger_model_is_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = make(tiny_model, tmp_path / "a", LoraConfig(r=2, target_modules=["v_proj"]))
    base = AutoModelForCausalLM.from_pretrained(tiny_model)
    config = base.config
    config.hidden_size, config.intermediate_size = 32, 64
    with pytest.raises(ModelError, match="does not fit this base model"):
        attach(AutoModelForCausalLM.from_config(config), read_adapter(folder))


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (
            PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2),
            "PROMPT_TUNING .* tokens, not in the weights",
        ),
        (LoHaConfig(target_modules=["v_proj"]), "LOHA .*not known here"),
    ],
    ids=["prompt", "loha"],
)
def test_what_stays_beside_the_weights_is_refused(tiny_model: Path, tmp_path: Path, config: Any, reason: str) -> None:
    with pytest.raises(ModelError, match=f"type {reason}.*LORA, ADALORA"):
        read_adapter(make(tiny_model, tmp_path / "a", config))


def test_every_kind_is_in_one_half_of_the_table() -> None:
    assert set(MERGES) & set(STAYS) == set()
    kinds = {kind for kind in (*MERGES, *STAYS) if kind not in {"ADAPTER", "LLAMAPRO", "REFT"}}
    assert kinds <= {kind.value for kind in PeftType}
