"""Fifty steps of `swift sft` on the tiny model, and what is to be looked at afterwards."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback

from swift_lib.callbacks import extra_callbacks
from swift_lib.pipelines.sft import SftResult, sft_main

WORDS = ["red", "blue", "green", "black"]


@dataclass
class Learned:
    """A run: its result, the model and the optimizer at the end, the parameters at the start and what a test noted."""

    result: SftResult
    model: Any
    optimizer: Any
    history: list[dict[str, Any]]
    before: dict[str, torch.Tensor]
    noted: list[Any] = field(default_factory=list)

    @property
    def changed(self) -> set[str]:
        """Names of the parameters that are others than at the start."""
        return {name for name, value in self.model.named_parameters() if not torch.equal(value, self.before[name])}

    @property
    def after(self) -> dict[str, torch.Tensor]:
        """The parameters at the end."""
        return {name: value.detach() for name, value in self.model.named_parameters()}

    @property
    def names(self) -> set[str]:
        return set(self.before)

    def require_learned(self) -> None:
        """The loss fell by a fifth."""
        metrics = self.result.metrics
        assert metrics["last_loss"] <= 0.8 * metrics["first_loss"], metrics


class _Watch(TrainerCallback):
    def __init__(self, note: Callable[..., Any] | None) -> None:
        self.note, self.noted = note, []  # type: ignore[var-annotated]

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.model, self.optimizer, self.state = kwargs["model"], kwargs["optimizer"], state
        self.before = {name: value.detach().clone() for name, value in self.model.named_parameters()}

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.note is not None:
            self.noted.append(self.note(kwargs["model"], kwargs["optimizer"]))


def flags(model: Path | str, rows: Path | str, output: Path, **more: Any) -> dict[str, Any]:
    """Fifty steps of four rows each with every weight trained, unless told otherwise."""
    return {
        "model": str(model), "dataset": [str(rows)], "output_dir": str(output), "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 1, "max_steps": 50, "logging_steps": 5, "learning_rate": 3e-3, "save_steps": 100,
        "tuner_type": "full", "gradient_checkpointing": False, "track_uri": "none", **more,
    }  # fmt: skip


def write_rows(path: Path, shift: int = 0) -> Path:
    """Eight conversations: say a word, or the one that stands `shift` further in the list."""
    talks = [
        [("user", f"say {word}"), ("assistant", WORDS[(place + shift) % len(WORDS)])]
        for place, word in enumerate(WORDS * 2)
    ]
    rows = [{"messages": [{"role": role, "content": text} for role, text in talk]} for talk in talks]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def learn(options: dict[str, Any], note: Callable[..., Any] | None = None) -> Learned:
    """`swift sft`; note: asked after each optimizer step, of the model and the optimizer, while gradients are there."""
    watch = _Watch(note)
    extra_callbacks.append(watch)
    try:
        result = sft_main(options)
    finally:
        extra_callbacks.remove(watch)
    return Learned(result, watch.model, watch.optimizer, watch.state.log_history, watch.before, watch.noted)
