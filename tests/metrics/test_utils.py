from types import SimpleNamespace

import pytest
import torch

from swift_lib.metrics.utils import InferStats, MeanMetric, Metric


class Longest(Metric):
    def __init__(self) -> None:
        super().__init__()
        self.add_state("length", default=0)
        self.add_state("texts", default_factory=list)

    def update(self, text: str) -> None:
        self.length = max(self.length, len(text))
        self.texts.append(text)

    def compute(self) -> dict[str, float]:
        return {"longest": self.length, "texts": len(self.texts)}


def test_a_state_begins_again() -> None:
    metric = Longest()
    metric.update("ab")
    metric.update("a")
    assert metric.compute() == {"longest": 2, "texts": 2}
    metric.reset()
    assert metric.compute() == {"longest": 0, "texts": 0}
    metric.update("abc")
    assert metric.compute() == {"longest": 3, "texts": 1}


def test_a_default_that_changes_is_copied() -> None:
    metric = Metric()
    default: list[int] = []
    metric.add_state("seen", default)
    metric.seen.append(1)  # type: ignore[attr-defined]
    metric.reset()
    assert metric.seen == [] == default  # type: ignore[attr-defined]


def test_the_base_has_no_numbers_of_its_own() -> None:
    with pytest.raises(NotImplementedError, match="Metric defines no update"):
        Metric().update()
    with pytest.raises(NotImplementedError, match="Metric defines no compute"):
        Metric().compute()


def test_a_mean_of_values_lists_and_tensors() -> None:
    metric = MeanMetric()
    assert metric.compute() == {"value": 0.0}
    metric.update(1)
    metric.update([2.0, 3.0])
    metric.update(torch.tensor([[4.0], [5.0]], requires_grad=True))
    assert metric.compute() == {"value": 3.0}
    metric.reset()
    assert metric.compute() == {"value": 0.0}


def test_nothing_has_the_value_that_was_asked_for() -> None:
    assert MeanMetric(nan_value=-1.0).compute() == {"value": -1.0}


def test_replies_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 14.0])
    monkeypatch.setattr("swift_lib.metrics.utils.time.perf_counter", lambda: next(clock))
    stats = InferStats()
    usage = SimpleNamespace(prompt_tokens=5, completion_tokens=3)
    stats.update(SimpleNamespace(usage=usage, choices=["one", "other"]))
    stats.update(SimpleNamespace(usage=usage, choices=["one"]))
    stats.update(None)
    assert stats.compute() == {
        "num_prompt_tokens": 10, "num_generated_tokens": 6, "num_samples": 3, "runtime": 4.0, "samples/s": 0.75,
        "tokens/s": 1.5,
    }  # fmt: skip
