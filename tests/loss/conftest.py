"""Fixtures of the losses' tests."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from swift_lib.core.registry import Registry
from swift_lib.loss.base import make_loss
from swift_lib.loss.mapping import loss_map


@pytest.fixture()
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[Any]]:
    """The registry of losses; without plugins; what a test adds is gone afterwards."""
    own = {name: entry for name, entry in loss_map._entries.items() if entry.builtin}
    monkeypatch.setattr(loss_map, "_entries", own)
    return loss_map


@pytest.fixture(scope="session")
def embedding_loss() -> Callable[..., torch.Tensor]:
    """A built-in loss of embeddings and labels."""

    def compute(name: str, embeddings: torch.Tensor, labels: torch.Tensor, **args: Any) -> torch.Tensor:
        return make_loss(name, SimpleNamespace(**args), None)({"last_hidden_state": embeddings}, labels)

    return compute


@pytest.fixture(scope="session")
def score_loss() -> Callable[..., torch.Tensor]:
    """A built-in loss of logits and labels."""

    def compute(name: str, logits: torch.Tensor, labels: torch.Tensor, **outputs: Any) -> torch.Tensor:
        return make_loss(name, None, None)(SimpleNamespace(logits=logits, **outputs), labels)

    return compute
