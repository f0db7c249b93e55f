"""Bases and helpers that metrics share, under the name readers of the documents look for. Loads no torch."""

import copy
import time
from collections.abc import Callable
from typing import Any

from swift_lib.core.lazy import lazy_names
from swift_lib.metrics.statistics import mean, pass_at_k, standard_deviation, wilson_interval
from swift_lib.metrics.text import last_number, normalise

__all__ = [
    "InferStats",
    "Metric",
    "last_number",
    "mean",
    "normalise",
    "pass_at_k",
    "standard_deviation",
    "wilson_interval",
]

NAMES = {"MeanMetric": "swift_lib.metrics.running:MeanMetric"}

__getattr__, __dir__ = lazy_names(__name__, NAMES)


class Metric:
    """A metric that sees one batch after the other: `update`, as often as there is something, then `compute`.

    Its state is declared by `add_state` and lies in attributes; `reset` begins again.
    """

    def __init__(self) -> None:
        self._makers: dict[str, Callable[[], Any]] = {}

    def add_state(self, name: str, default: Any = None, default_factory: Callable[[], Any] | None = None) -> None:
        """An attribute that begins, and begins again, as a copy of `default`, or as what the factory makes."""
        if not hasattr(self, "_makers"):  # a subclass whose __init__ does not call ours
            self._makers = {}
        self._makers[name] = default_factory if default_factory is not None else lambda: copy.deepcopy(default)
        setattr(self, name, self._makers[name]())

    def reset(self) -> None:
        """Forget everything."""
        for name, make in self._makers.items():
            setattr(self, name, make())

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Take in a batch."""
        raise NotImplementedError(f"{type(self).__name__} defines no update")

    def compute(self) -> dict[str, float]:
        """The numbers so far, by name."""
        raise NotImplementedError(f"{type(self).__name__} defines no compute")


class InferStats(Metric):
    """How much was generated and how fast, since it was made or reset."""

    start_runtime: float
    num_prompt_tokens: int
    num_generated_tokens: int
    num_samples: int

    def __init__(self) -> None:
        super().__init__()
        self.add_state("start_runtime", default_factory=time.perf_counter)
        for name in ("num_prompt_tokens", "num_generated_tokens", "num_samples"):
            self.add_state(name, default=0)

    def update(self, output: Any) -> None:
        """Count a response, an object with `usage` and `choices`; None is one that failed and counts nothing."""
        usage = getattr(output, "usage", None)
        if usage is None:
            return
        self.num_prompt_tokens += usage.prompt_tokens
        self.num_generated_tokens += usage.completion_tokens
        self.num_samples += len(getattr(output, "choices", None) or [None])

    def compute(self) -> dict[str, float]:
        """Counts, seconds, and samples and generated tokens a second."""
        runtime = time.perf_counter() - self.start_runtime
        per_second = 1 / runtime if runtime > 0 else 0.0
        return {
            "num_prompt_tokens": self.num_prompt_tokens,
            "num_generated_tokens": self.num_generated_tokens,
            "num_samples": self.num_samples,
            "runtime": runtime,
            "samples/s": self.num_samples * per_second,
            "tokens/s": self.num_generated_tokens * per_second,
        }
