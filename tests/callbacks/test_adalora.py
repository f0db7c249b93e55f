from pathlib import Path
from typing import Any

import pytest
import torch
from peft import AdaLoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file

from swift_lib.core.errors import ArgumentError

STEPS = 10


def tuned(load: Any, **more: Any) -> Any:
    torch.manual_seed(0)
    values = {"init_r": 6, "target_r": 2, "tinit": 2, "tfinal": 3, "deltaT": 1, "total_step": 999, **more}
    return get_peft_model(load(), AdaLoraConfig(target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", **values))


def run(trainer: Any, model: Any, resume: str | None = None, **given: Any) -> Any:
    own = trainer(flat={"tuner_type": "adalora"}, model=model, max_steps=STEPS, **given)
    own.train(resume_from_checkpoint=resume)
    return own


def singular_values(model: Any) -> list[torch.Tensor]:
    return [p.detach() for name, p in model.named_parameters() if "lora_E" in name]


def test_the_rank_falls_to_the_budget(load: Any, trainer: Any) -> None:
    model = tuned(load)
    own = run(trainer, model)
    values = singular_values(own.model)
    assert sum(int((value != 0).sum()) for value in values) == 2 * len(values) == 8
    assert {len(value) for value in values} == {6}


def test_what_is_saved_at_the_end_leaves_the_zeros_out(load: Any, trainer: Any, tmp_path: Path) -> None:
    model = tuned(load)
    own = run(trainer, model)
    ids = torch.arange(3, 15)[None]
    expected = own.model.eval()(ids).logits
    own.model.save_pretrained(tmp_path / "final")
    stored = load_file(tmp_path / "final" / "adapter_model.safetensors")
    assert sum(len(value) for name, value in stored.items() if "lora_E" in name) == 8
    again = PeftModel.from_pretrained(load(), tmp_path / "final").eval()
    assert torch.allclose(again(ids).logits, expected, atol=1e-5)


@pytest.mark.parametrize("step", [4, 8], ids=["while the rank falls", "after"])
def test_a_resumed_run_ends_with_the_same_weights(load: Any, trainer: Any, tmp_path: Path, step: int) -> None:
    saving = {"save_strategy": "steps", "save_steps": 4}
    whole = run(trainer, tuned(load), **saving)
    resumed = run(trainer, tuned(load), str(tmp_path / "out" / f"checkpoint-{step}"), **saving)
    for (name, one), other in zip(whole.model.named_parameters(), resumed.model.parameters(), strict=True):
        assert torch.equal(one, other), name


def test_a_schedule_without_room_is_refused(load: Any, trainer: Any) -> None:
    with pytest.raises(ArgumentError, match=r"2 steps at the start and 8 at the end .* leave none of 10"):
        run(trainer, tuned(load, tfinal=8))


def test_another_tuner_is_refused(trainer: Any) -> None:
    with pytest.raises(ArgumentError, match="adalora is for --tuner_type adalora"):
        trainer(["adalora"]).train()
