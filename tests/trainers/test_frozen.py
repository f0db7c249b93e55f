from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM

from swift_lib.core.errors import TrainingError
from swift_lib.trainers.failures import memory_errors
from swift_lib.trainers.frozen import frozen_digest, require_unchanged


def test_an_adapter_around_the_base_does_not_change_its_digest(tiny_model: Path) -> None:
    base = AutoModelForCausalLM.from_pretrained(tiny_model).requires_grad_(False)
    plain = frozen_digest(base)
    config = LoraConfig(target_modules=["q_proj", "embed_tokens"], modules_to_save=["norm"])
    assert frozen_digest(get_peft_model(base, config)) == plain


def test_one_changed_value_is_seen(tiny_model: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(tiny_model).requires_grad_(False)
    before = frozen_digest(model)
    require_unchanged(model, before, "here")
    with torch.no_grad():
        next(model.parameters())[0, 0] += 1e-6
    with pytest.raises(TrainingError, match="Frozen weights changed"):
        require_unchanged(model, before, "here")


def test_trained_weights_do_not_count(tiny_model: Path) -> None:
    assert frozen_digest(AutoModelForCausalLM.from_pretrained(tiny_model)) == ""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:116] . DefaultCPUAllocator: can't allocate memory: you tried to"),
    ],
    ids=["python", "cuda", "cpu"],
)
def test_memory_that_ran_out_is_told_alike(error: Exception) -> None:
    with pytest.raises(TrainingError, match="Memory ran out"), memory_errors("here"):
        raise error


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shape mismatch"), memory_errors("here"):
        raise RuntimeError("shape mismatch")
