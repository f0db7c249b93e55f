"""The registry of metrics, the two forms they are written in, and where they may be named."""

import logging
from typing import Any

import numpy as np
import pytest
import torch
from transformers import EvalPrediction

from swift_lib.core.errors import ContractError, UnknownName
from swift_lib.core.registry import Registry
from swift_lib.metrics import (
    EvalMetrics,
    Metric,
    compute_acc_metrics,
    compute_nlg_metrics,
    eval_metrics_map,
    get_metric,
    preprocess_logits_for_acc,
)
from swift_lib.metrics.base import check_megatron_metric, make_metric, metric_problems
from swift_lib.metrics.mapping import PLUGIN_TASKS, TASKS

PREDICTION = EvalPrediction(predictions=np.array([1, 2]), label_ids=np.array([1, 3]))


class Rows(EvalMetrics):
    def compute_metrics(self, eval_prediction: Any) -> dict[str, float]:
        return {"rows": len(eval_prediction.label_ids) * self.args, "again": self.trainer}


class Shrinks(Rows):
    def preprocess_logits_for_metrics(self, logits: Any, labels: Any) -> Any:
        return logits.sum(-1)


class NoCompute(EvalMetrics):
    pass


class ForMegatron(Metric):
    def update(self, value: float) -> None: ...
    def compute(self) -> dict[str, float]:
        return {}


class NoBase:
    def compute_metrics(self, eval_prediction: Any) -> dict[str, float]:
        return {}


def test_every_built_in_metric_has_its_tasks() -> None:
    assert set(TASKS) == {name for name in eval_metrics_map if eval_metrics_map.is_builtin(name)}
    assert {"acc", "nlg", "infonce", "paired", "reranker"} <= set(TASKS)


def test_a_class_sees_the_arguments_and_the_trainer(registered: Registry[Any]) -> None:
    registered["rows"] = Rows
    compute, preprocess = make_metric("rows", 2, 7)
    assert compute(PREDICTION) == {"rows": 4.0, "again": 7.0}
    assert preprocess is None


def test_an_override_shrinks_the_logits(registered: Registry[Any]) -> None:
    registered["shrinks"] = Shrinks
    _, preprocess = make_metric("shrinks", 2, 7)
    assert preprocess is not None and preprocess(torch.ones(2, 3), None).tolist() == [3.0, 3.0]


def test_a_pair_is_taken_as_it_is(registered: Registry[Any]) -> None:
    registered["pair"] = (lambda prediction: {"first": prediction[0][0]}, None)
    registered["both"] = (compute_acc_metrics, preprocess_logits_for_acc)
    assert make_metric("pair", None, None)[0](PREDICTION) == {"first": 1.0}
    assert make_metric("pair", None, None)[1] is None
    assert make_metric("both", None, None)[1] is preprocess_logits_for_acc
    assert get_metric("both") == (compute_acc_metrics, preprocess_logits_for_acc)


def test_built_in_metrics_have_their_documented_pairs(
    registered: Registry[Any], caplog: pytest.LogCaptureFixture
) -> None:
    """Registering one under its own name, as the documents' dictionary does, is nothing that anybody need know."""
    assert get_metric("acc") == (compute_acc_metrics, preprocess_logits_for_acc)
    with caplog.at_level(logging.INFO):
        registered["acc"] = (compute_acc_metrics, preprocess_logits_for_acc)
        registered["nlg"] = (compute_nlg_metrics, None)
    assert caplog.messages == [] and registered.is_builtin("acc") and registered.is_builtin("nlg")
    with caplog.at_level(logging.INFO):
        registered["acc"] = (compute_acc_metrics, None)
    assert "the built-in is replaced" in caplog.text


def test_a_class_becomes_a_pair(registered: Registry[Any]) -> None:
    class Sums(EvalMetrics):
        def compute_metrics(self, eval_prediction: Any) -> dict[str, float]:
            return {"sum": sum(eval_prediction.label_ids)}

    registered["sums"] = Sums
    compute, preprocess = get_metric("sums")
    assert preprocess is not None and preprocess("as it is", None) == "as it is"
    assert compute(PREDICTION) == {"sum": 4}


def test_an_unknown_metric_lists_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'paired'"):
        get_metric("pared")


@pytest.mark.parametrize("value", [None, 0.5, {"a": "much"}, {"a": [1, 2]}])
def test_anything_but_numbers_by_name_names_the_function(value: Any, registered: Registry[Any]) -> None:
    def odd(prediction: Any) -> Any:
        return value

    registered["odd"] = (odd, None)
    with pytest.raises(ContractError, match=r"metric 'odd': odd returned .*Do: return a dict of numbers"):
        make_metric("odd", None, None)[0](PREDICTION)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (NoBase, "the class NoBase, which is no EvalMetrics. Do: register a class derived from swift_lib.metrics.Eval"),
        (ForMegatron, "the class ForMegatron, which is no EvalMetrics but a Metric, the base for Megatron"),
        (NoCompute, "NoCompute defines no compute_metrics"),
        (Rows(None, None), "an object of type Rows. Do: register a class"),
        (compute_acc_metrics, "an object of type function. Do: register a class"),
        ((compute_acc_metrics,), "a tuple that is no pair of functions. Do: write (compute, preprocess)"),
        ((None, compute_acc_metrics), "a tuple that is no pair of functions"),
    ],
)
def test_a_wrong_thing_is_refused_when_it_is_taken(entry: Any, told: str, registered: Registry[Any]) -> None:
    registered["wrong"] = entry
    with pytest.raises(ContractError) as caught:
        get_metric("wrong")
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_megatron_takes_the_other_base() -> None:
    check_megatron_metric("right", ForMegatron)
    with pytest.raises(ContractError) as caught:
        check_megatron_metric("wrong", Rows)
    assert "no Metric but an EvalMetrics, the base for the other trainers" in str(caught.value)
    assert "derived from swift_lib.metrics.utils.Metric" in str(caught.value)
    with pytest.raises(ContractError, match="the class NoBase, which is no Metric"):
        check_megatron_metric("wrong", NoBase)


# -- where it may be named ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["dpo", "ppo", "seq_cls"])
def test_a_plugins_metric_is_for_tokens_embeddings_and_rerankers(task: str, registered: Registry[Any]) -> None:
    registered["mine"] = Rows
    (problem,) = metric_problems("mine", task)
    assert problem.startswith("--eval_metric: 'mine' is a plugin's (") and f"not for {task}" in problem
    assert [list(metric_problems("mine", fitting)) for fitting in PLUGIN_TASKS] == [[]] * len(PLUGIN_TASKS)


def test_a_built_in_metric_is_for_its_own_task() -> None:
    assert list(metric_problems("paired", "embedding")) == list(metric_problems(None, "embedding")) == []
    assert list(metric_problems("paired", "reranker")) == [
        "--eval_metric: 'paired' is for embedding, not for reranker; give reranker"
    ]
