"""Every task through the components, as a pipeline of somebody's own calls them: rows to tokens, tokens to a model."""

import importlib.util
import json
import random
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.preprocess.component import preprocess
from components.train.component import train
from swift_lib.pipelines.predict import Predictor

pytestmark = pytest.mark.integration

_SPEC = importlib.util.spec_from_file_location("tasks_learn", Path(__file__).with_name("test_tasks_learn.py"))
assert _SPEC and _SPEC.loader
learn = importlib.util.module_from_spec(_SPEC)
sys.modules["tasks_learn"] = learn
_SPEC.loader.exec_module(learn)

# Rows, what both components are given, and what only the train component is; a task, or a measure of its own.
TASKS: dict[str, tuple[Any, dict[str, Any], dict[str, Any], str]] = {
    "seq_cls": (learn.one_class, {"num_labels": 4}, {}, "eval_f1"),
    "seq_cls, several": (learn.several_classes, {"num_labels": 4}, {}, "eval_f1"),
    "seq_cls, numbers": (learn.number, {"num_labels": 1, "problem_type": "regression"}, {}, "eval_mse"),
    "embedding": (learn.texts, {}, {"loss_type": "infonce"}, "eval_mean_pos"),
    "reranker": (learn.documents, {}, {"loss_type": "listwise_reranker"}, "eval_mrr"),
    "generative_reranker": (learn.documents, {}, {"loss_type": "pointwise_reranker"}, "eval_mrr"),
    "prm": (learn.steps, {}, {}, "eval_step_acc"),
}


def artifact(path: Path) -> Any:
    return SimpleNamespace(path=str(path), uri=str(path), metadata={})


@pytest.mark.parametrize("task", TASKS)
def test_rows_become_a_model_that_is_measured_and_asked(task: str, tiny_model: Path, tmp_path: Path) -> None:
    make, both, own, measure = TASKS[task]
    rows = learn.written(tmp_path, "rows", make, 48, 1)
    common = {"model": str(tiny_model), "template": "chatml", "task_type": task.split(",")[0], "track_uri": "none"}
    words = {"positive_token": "y", "negative_token": "n"} if task == "generative_reranker" else {}
    outputs = {
        name: artifact(tmp_path / "run" / name)
        for name in ("tokens", "preview", "data", "trained", "curves", "summary")
    }
    (tmp_path / "run").mkdir()
    preprocess.python_func(
        tokens=outputs["tokens"], preview=outputs["preview"], summary=outputs["data"],
        dataset=[str(tmp_path / "rows.jsonl")], split_dataset_ratio=0.25, **common, **both,
    )  # fmt: skip
    train.python_func(
        tokens=outputs["tokens"], trained=outputs["trained"], curves=outputs["curves"], summary=outputs["summary"],
        max_steps=3, per_device_train_batch_size=4, gradient_accumulation_steps=1, logging_steps=1,
        arguments={"eval_strategy": "epoch", "gradient_checkpointing": False, **words}, **common, **both, **own,
    )  # fmt: skip
    figures = json.loads(Path(outputs["summary"].path).read_text())
    assert measure in figures and figures == outputs["summary"].metadata
    asked = Predictor(["--model", str(tiny_model), "--adapters", f"{outputs['trained'].path}/final"])
    random.Random(2).shuffle(rows)
    assert len(asked(rows[:4])) == 4
