"""A small real training of the tiny model by transformers' own Trainer."""

import copy
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from swift_lib.callbacks import callbacks_map, extra_callbacks
from swift_lib.callbacks.base import make_callbacks
from swift_lib.core.view import FlatView

torch.set_num_threads(1)

DEFAULTS = {
    "tuner_type": "full", "seed": 1, "early_stop_interval": None, "lisa_activated_layers": 0, "lisa_step_interval": 2,
    "deepspeed": None, "fsdp_config": {},
}  # fmt: skip


@pytest.fixture(autouse=True)
def registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(callbacks_map, "_entries", dict(callbacks_map._entries))
    extra_callbacks.clear()
    yield
    extra_callbacks.clear()


@pytest.fixture()
def load(tiny_model: Path) -> Callable[[], Any]:
    return lambda: transformers.AutoModelForCausalLM.from_pretrained(tiny_model)


@pytest.fixture()
def trainer(load: Callable[[], Any], tmp_path: Path) -> Callable[..., Any]:
    """A Trainer of 24 rows with the named callbacks; `flat` are our arguments, the other keywords transformers'."""

    def make(names: Iterable[str] = (), *, flat: dict[str, Any] | None = None, model: Any = None, **given: Any) -> Any:
        ids = torch.randint(3, 300, (24, 12), generator=torch.Generator().manual_seed(0)).tolist()
        rows = [{"input_ids": row, "labels": row} for row in ids]
        values = {
            "output_dir": str(tmp_path / "out"), "use_cpu": True, "report_to": [], "learning_rate": 1e-3,
            "max_steps": 8, "per_device_train_batch_size": 4, "save_strategy": "no", "disable_tqdm": True,
            "logging_steps": 1, "seed": 1, **given,
        }  # fmt: skip
        own = transformers.Trainer(
            model=load() if model is None else model,
            args=transformers.TrainingArguments(**values),
            train_dataset=copy.deepcopy(rows),
            eval_dataset=rows[:4],
        )
        for callback in make_callbacks(list(names), FlatView({**DEFAULTS, **(flat or {})}), own):
            own.add_callback(callback)
        return own

    return make
