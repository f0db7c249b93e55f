"""A trainer around the tiny model, and the flat arguments that optimizers read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from swift_lib.core.view import FlatView

torch.set_num_threads(1)

DEFAULTS = {
    "tuner_type": "full", "lorap_lr_ratio": None, "vit_lr": None, "aligner_lr": None, "use_galore": False,
    "galore_target_modules": [], "galore_rank": 8, "galore_update_proj_gap": 3, "galore_scale": 1.0,
    "galore_proj_type": "std", "galore_optim_per_parameter": False, "galore_with_embedding": False,
}  # fmt: skip


@pytest.fixture()
def options() -> Callable[..., FlatView]:
    """Flat arguments as plugins get them."""
    return lambda **more: FlatView({**DEFAULTS, **more})


@pytest.fixture()
def load(tiny_model: Path) -> Callable[[], Any]:
    """A fresh copy of the tiny model, in training."""
    return lambda: transformers.AutoModelForCausalLM.from_pretrained(tiny_model).train()


@pytest.fixture()
def trainer(load: Callable[[], Any], tmp_path: Path) -> Callable[..., Any]:
    """transformers' own Trainer; keywords are its arguments, `model` another model."""

    def make(model: Any = None, train_dataset: Any = (), **given: Any) -> Any:
        values = {"output_dir": str(tmp_path), "use_cpu": True, "report_to": [], "learning_rate": 1e-2, **given}
        arguments = transformers.TrainingArguments(weight_decay=0.1, **values)
        used = load() if model is None else model
        return transformers.Trainer(model=used, args=arguments, train_dataset=train_dataset, eval_dataset=())

    return make


@pytest.fixture()
def backward() -> Callable[[Any, int], float]:
    """Gradients of a batch that the number decides; gives its loss."""

    def run(model: Any, number: int) -> float:
        generator = torch.Generator().manual_seed(number)
        ids = torch.randint(3, 300, (2, 12), generator=generator)
        model.zero_grad()
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        return float(loss.detach())

    return run
