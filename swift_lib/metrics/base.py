"""What a metric is, how a name becomes one, and for which tasks it may be named. Loads no torch."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from swift_lib.core.errors import ContractError
from swift_lib.metrics.mapping import PLUGIN_TASKS, TASKS, eval_metrics_map
from swift_lib.metrics.utils import Metric

Compute = Callable[[Any], Mapping[str, float]]
Preprocess = Callable[[Any, Any], Any]
Pair = tuple[Compute, Preprocess | None]
"""(compute(prediction) -> dict, preprocess(logits, labels) -> predictions, or None: the logits as they are)."""


class EvalMetrics:
    """Metrics that a trainer computes from its own predictions while it trains (`--eval_metric`).

    args: the flat, read-only arguments; trainer: the one that trains.
    """

    as_pair: ClassVar[Pair | None] = None
    """The pair of functions that is this class in the 3.0 documents, which may be registered under its name."""

    def __init__(self, args: Any, trainer: Any) -> None:
        self.args = args
        self.trainer = trainer

    def compute_metrics(self, eval_prediction: Any) -> Mapping[str, float]:
        """Return named numbers for one `transformers.EvalPrediction`, logged as `eval_<name>`."""
        raise NotImplementedError(f"{type(self).__name__} defines no compute_metrics")

    def preprocess_logits_for_metrics(self, logits: Any, labels: Any) -> Any:
        """Shrink a batch's logits before they are gathered; the base class keeps them whole."""
        return logits


def check_metric(name: str, entry: Any) -> None:
    """The registry's contract: a subclass of EvalMetrics, or a documented pair of functions."""
    if inspect.isclass(entry) and issubclass(entry, EvalMetrics):
        if entry.compute_metrics is EvalMetrics.compute_metrics:
            raise ContractError(
                f"metric {name!r}: {entry.__qualname__} defines no compute_metrics",
                fix="define compute_metrics(self, eval_prediction) and return a dict of numbers",
            )
        return
    if isinstance(entry, tuple):
        if len(entry) != 2 or not callable(entry[0]) or not (entry[1] is None or callable(entry[1])):
            raise ContractError(
                f"metric {name!r} is a tuple that is no pair of functions",
                fix="write (compute, preprocess), or (compute, None)",
            )
        return
    what = f"an object of type {type(entry).__name__}"
    if inspect.isclass(entry):
        what = f"the class {entry.__qualname__}, which is no EvalMetrics"
        if issubclass(entry, Metric):
            what += " but a Metric, the base for Megatron"
    raise ContractError(
        f"metric {name!r} is {what}",
        fix="register a class derived from swift_lib.metrics.EvalMetrics, or a pair of functions (compute, preprocess)",
    )


def check_megatron_metric(name: str, entry: Any) -> None:
    """The contract of Megatron's trainers: a subclass of Metric."""
    if inspect.isclass(entry) and issubclass(entry, Metric):
        return
    what = f"an object of type {type(entry).__name__}"
    if inspect.isclass(entry):
        what = f"the class {entry.__qualname__}, which is no Metric"
        if issubclass(entry, EvalMetrics):
            what += " but an EvalMetrics, the base for the other trainers"
    raise ContractError(
        f"metric {name!r} is {what}", fix="register a class derived from swift_lib.metrics.utils.Metric"
    )


def make_metric(name: str, args: Any, trainer: Any) -> tuple[Callable[[Any], dict[str, float]], Preprocess | None]:
    """(compute_metrics, preprocess_logits_for_metrics or None) as transformers' Trainer takes them.

    A class is constructed. What is computed must be a mapping of names to numbers, else ContractError.
    """
    entry = eval_metrics_map[name]
    if isinstance(entry, tuple):
        compute, preprocess = entry
        return _numbers(name, getattr(compute, "__name__", "compute"), compute), preprocess
    metric = entry(args, trainer)
    keeps = entry.preprocess_logits_for_metrics is EvalMetrics.preprocess_logits_for_metrics
    compute = _numbers(name, f"{entry.__qualname__}.compute_metrics", metric.compute_metrics)
    return compute, None if keeps else metric.preprocess_logits_for_metrics


def _numbers(name: str, who: str, compute: Compute) -> Callable[[Any], dict[str, float]]:
    def compute_metrics(eval_prediction: Any) -> dict[str, float]:
        found = compute(eval_prediction)
        try:
            return {str(key): float(value) for key, value in found.items()}
        except (AttributeError, TypeError, ValueError) as error:
            raise ContractError(
                f"metric {name!r}: {who} returned {str(found)[:80]!r}", fix="return a dict of numbers by name"
            ) from error

    return compute_metrics


def get_metric(metric: str) -> Pair:
    """The pair of functions of a name, as in the 3.0 documents; of a class, its methods, without arguments and trainer.

    Raises UnknownName.
    """
    entry = eval_metrics_map[metric]
    if isinstance(entry, tuple):
        return entry
    if entry.as_pair is not None:
        return entry.as_pair
    made = entry(None, None)
    return made.compute_metrics, made.preprocess_logits_for_metrics


def metric_problems(eval_metric: str | None, task: str) -> Iterator[str]:
    """What is wrong with a metric for a task ("causal_lm", "embedding", "dpo" ...), known before anything is loaded.

    A plugin's metric measures tokens, embeddings and rerankers; of the built-in ones each is for its own tasks.
    """
    if eval_metric is None:
        return
    fitting = [name for name, tasks in TASKS.items() if task in tasks]
    instead = f"give {' or '.join(fitting)}" if fitting else "leave it out"
    if not eval_metrics_map.is_builtin(eval_metric):
        if task not in PLUGIN_TASKS:
            yield (
                f"--eval_metric: {eval_metric!r} is a plugin's ({eval_metrics_map.origin(eval_metric)}), and those are "
                f"for {', '.join(PLUGIN_TASKS)}, not for {task}; {instead}"
            )
    elif task not in TASKS[eval_metric]:
        yield f"--eval_metric: {eval_metric!r} is for {' and '.join(TASKS[eval_metric])}, not for {task}; {instead}"
