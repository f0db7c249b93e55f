"""Fixtures of the metrics' tests."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import EvalPrediction

from swift_lib.core.registry import Registry
from swift_lib.metrics.base import make_metric
from swift_lib.metrics.mapping import eval_metrics_map


@pytest.fixture()
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[Any]]:
    """The registry of metrics; without plugins; what a test adds is gone afterwards."""
    own = {name: entry for name, entry in eval_metrics_map._entries.items() if entry.builtin}
    monkeypatch.setattr(eval_metrics_map, "_entries", own)
    return eval_metrics_map


@pytest.fixture(scope="session")
def metric() -> Callable[..., dict[str, float]]:
    """A built-in metric of predictions and labels."""

    def compute(name: str, predictions: Any, labels: Any, trainer: Any = None, **args: Any) -> dict[str, float]:
        found, _ = make_metric(name, SimpleNamespace(**args), trainer)
        return found(EvalPrediction(predictions=predictions, label_ids=labels))

    return compute
