"""Optimizers of the documents, in both forms, in a training with --external_plugins."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from swift_lib.core import plugins
from swift_lib.optimizers import optimizers_map


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(optimizers_map, "_entries", dict(optimizers_map._entries))
    monkeypatch.setattr(plugins, "_loaded", {})
    yield


def inner(run: Any) -> torch.optim.Optimizer:
    """The optimizer inside accelerate's wrapper."""
    return getattr(run.optimizer, "optimizer", run.optimizer)


def test_the_function_of_the_3_0_page(files: Path, learn: Callable[..., Any]) -> None:
    run = learn(external_plugins=[str(files / "custom_optimizers.py")], optimizer="custom", learning_rate=0.1)
    run.require_learned()
    assert type(inner(run)).__name__ == "CustomOptimizer" and run.changed == run.names
    # Its own scheduler: to one half within five steps, not the cosine to nothing.
    rates = [entry["learning_rate"] for entry in run.history if "learning_rate" in entry]
    assert rates[0] == pytest.approx(0.1) and rates[-1] == pytest.approx(0.05)


def test_a_class_of_the_4_0_page(files: Path, learn: Callable[..., Any]) -> None:
    words = {"external_plugins": [str(files / "custom_optimizer_callback.py")], "lr_scheduler_type": "constant"}
    run = learn(optimizer="by_layer", learning_rate=0.1, **words)
    run.require_learned()
    assert isinstance(inner(run), torch.optim.SGD)
    assert sorted(group["lr"] for group in inner(run).param_groups) == pytest.approx([0.01, 0.1])
    assert run.changed == run.names


def test_the_english_page_has_the_same_lines(files: Path, shared: Path) -> None:
    """Its stored form has lost all indentation."""
    english = (shared / "documents" / "pluginization-3.0-en.txt").read_text(encoding="utf-8")
    added = {
        line[1:] for line in (files / "custom_optimizers.diff").read_text(encoding="utf-8").splitlines()
        if line.startswith("+")
    }  # fmt: skip
    for line in (files / "custom_optimizers.py").read_text(encoding="utf-8").splitlines():
        if line not in added and "#" not in line:
            assert line.strip() in english
