"""Metrics written from the documents, measured while training through --external_plugins."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swift_lib.arguments import SftArguments
from swift_lib.core.errors import ArgumentError
from swift_lib.metrics import METRIC_MAPPING, eval_metrics_map

Learn = Callable[..., Any]


@pytest.fixture()
def measured(learn: Learn, files: Path, rows: Any) -> Callable[..., Any]:
    """Train, and evaluate on the training rows before and after."""
    words = ["red", "blue", "green", "black"]
    data = rows([
        {"messages": [{"role": "user", "content": f"say {word}"}, {"role": "assistant", "content": word}]}
        for word in words
    ])  # fmt: skip

    def run(key: str, plugin: str = "", **options: Any) -> tuple[Any, list[float]]:
        """The run, and what was logged as eval_<key>."""
        named = {"external_plugins": [str(files / plugin)]} if plugin else {}
        done = learn(
            val_dataset=[str(data)], max_contamination=1.0, eval_strategy="steps", eval_steps=50, eval_on_start=True,
            metric_for_best_model=key, **named, **options,
        )  # fmt: skip
        return done, [entry[f"eval_{key}"] for entry in done.history if f"eval_{key}" in entry]

    return run


def test_the_pair_of_the_3_0_page(measured: Any) -> None:
    """The first letter of each word is learned."""
    run, found = measured("first_token", "custom_metric.py", eval_metric="custom")
    assert found[0] < 0.3 and found[-1] == 1.0 and len(found) == 2
    run.require_learned()


def test_the_blocks_other_entries_are_our_own(files: Path, plugin: Callable[[str], Path]) -> None:
    """Registering 'acc' and 'nlg' as what they are already changes nothing, and needs no line."""
    plugin("custom_metric.py")
    assert eval_metrics_map.is_builtin("acc") and eval_metrics_map.is_builtin("nlg")
    assert METRIC_MAPPING is eval_metrics_map and not eval_metrics_map.is_builtin("custom")
    assert eval_metrics_map.origin("custom") == str(files / "custom_metric.py")


def test_a_class_as_the_4_0_page_describes_it(measured: Any) -> None:
    _, found = measured("top_5", "custom_eval_metrics.py", eval_metric="custom_class")
    assert found[0] < 0.3 and found[-1] > 0.8 and len(found) == 2


def test_the_built_in_nlg_measures_generated_replies(measured: Any) -> None:
    run, found = measured("rouge-1", eval_metric="nlg", predict_with_generate=True, max_new_tokens=12)
    assert found[0] == 0 and found[-1] > 30 and found[-1] in (50, 75, 100)  # a word is right or wrong
    for name in ("rouge-2", "rouge-l", "bleu-4"):
        assert all(0 <= entry[f"eval_{name}"] <= 100 for entry in run.history if f"eval_{name}" in entry)


def test_it_is_refused_for_classifiers_before_anything_is_loaded(files: Path) -> None:
    with pytest.raises(ArgumentError, match=r"--eval_metric: 'custom' is a plugin's \(.*custom_metric\.py.*seq_cls"):
        SftArguments(
            model="nowhere", dataset=["none.jsonl"], task_type="seq_cls", num_labels=2, eval_metric="custom",
            external_plugins=[str(files / "custom_metric.py")],
        )  # fmt: skip


def test_nlg_without_replies_is_refused() -> None:
    with pytest.raises(ArgumentError, match="--eval_metric: nlg compares generated replies; give --predict_with_gener"):
        SftArguments(model="nowhere", dataset=["none.jsonl"], eval_metric="nlg")
