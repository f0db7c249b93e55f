"""A tiny model that knows something, rows that say otherwise, and one run of a tuner with all that is to hold of it."""

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, TrainerCallback

from swift_lib.callbacks.base import extra_callbacks
from swift_lib.core.errors import ModelError
from swift_lib.model.loader import get_model_processor
from swift_lib.pipelines.export import export_main
from swift_lib.pipelines.sft import SftResult, sft_main
from swift_lib.tuner_plugin.calling import load_adapter

torch.set_num_threads(1)

WORDS = ["red", "blue", "green", "black"]
PROBE = torch.arange(3, 243, 5).view(2, 24)
Flags = dict[str, Any]


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    """peft warns of what is asked for here: tied embeddings, a missing CUDA compiler."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def write_rows(path: Path, shift: int) -> Path:
    """Say the word that stands `shift` further in the list."""
    pairs = [(f"say {word}", WORDS[(at + shift) % len(WORDS)]) for at, word in enumerate(WORDS)]
    rows = [[{"role": "user", "content": q}, {"role": "assistant", "content": a}] for q, a in pairs]
    path.write_text("".join(json.dumps({"messages": messages}) + "\n" for messages in rows), encoding="utf-8")
    return path


def flags(model: Path, rows: Path, output: Path, **more: Any) -> Flags:
    """Fifty steps of four rows each, unless told otherwise."""
    return {
        "model": str(model), "dataset": [str(rows)], "output_dir": str(output), "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 1, "max_steps": 50, "logging_steps": 5, "learning_rate": 1e-2,
        "lr_scheduler_type": "constant", "gradient_checkpointing": False, "track_uri": "none", **more,
    }  # fmt: skip


@pytest.fixture(scope="session")
def base(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model after it learned to repeat words."""
    folder = tmp_path_factory.mktemp("base")
    rows = write_rows(folder / "rows.jsonl", shift=0)
    return Path(sft_main(flags(tiny_model, rows, folder / "out", tuner_type="full", learning_rate=3e-3)).final)


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What tuners are to learn: the next word."""
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", shift=1)


@dataclass
class Run:
    """A training run: its result, the model at its end, and the names of the parameters that it changed."""

    result: SftResult
    model: Any
    changed: set[str]
    logits: torch.Tensor

    @property
    def final(self) -> Path:
        return Path(self.result.final)

    @property
    def fall(self) -> float:
        """The share of the first losses that the last ones have lost."""
        return 1 - self.result.metrics["last_loss"] / self.result.metrics["first_loss"]


class Watch(TrainerCallback):
    """Keeps the parameters at the start, and the model."""

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        self.model = model
        self.before = {name: value.detach().clone() for name, value in model.named_parameters()}


def logits_of(model: Any) -> torch.Tensor:
    """Of a fixed input, as the model is used after training."""
    with torch.no_grad():
        return model.eval()(input_ids=PROBE).logits


@pytest.fixture()
def train(base: Path, rows: Path, tmp_path: Path) -> Callable[..., Run]:
    """Train the base in a folder of its own; options as flags."""

    def run(folder: str = "out", **more: Any) -> Run:
        watch = Watch()
        extra_callbacks.append(watch)
        try:
            result = sft_main(flags(base, rows, tmp_path / folder, **more))
        finally:
            extra_callbacks.remove(watch)
        after = dict(watch.model.named_parameters())
        changed = {name for name, value in watch.before.items() if not torch.equal(value, after[name])}
        return Run(result, watch.model, changed, logits_of(watch.model))

    return run


@pytest.fixture()
def require_tuned(base: Path, tmp_path: Path) -> Callable[..., None]:
    """What holds of every adapter: it learned, what it was to train changed and nothing else, it is read back as it
    was, and it merges or is refused."""

    def check(run: Run, trains: Callable[[str], bool], *, merges: bool = True, atol: float = 1e-5) -> None:
        assert run.fall >= 0.2
        names = {name for name, _ in run.model.named_parameters()}
        assert run.changed == {name for name in names if trains(name)} != set()
        model, _ = get_model_processor(str(base))
        loaded = load_adapter(model, run.final)
        assert not any(parameter.requires_grad for parameter in loaded.parameters())
        torch.testing.assert_close(logits_of(loaded), run.logits, atol=atol, rtol=0)
        options = {"model": str(base), "adapters": [str(run.final)], "merge_lora": True, "track_uri": "none"}
        if not merges:
            with pytest.raises(ModelError, match="cannot be merged"):
                export_main({**options, "output_dir": str(tmp_path / "merged")})
            return
        export_main({**options, "output_dir": str(tmp_path / "merged")})
        merged = AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
        torch.testing.assert_close(logits_of(merged), run.logits, atol=max(atol, 1e-4), rtol=0)

    return check
