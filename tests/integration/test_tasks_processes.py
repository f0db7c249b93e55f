"""Tasks whose loss is of rows, trained by two processes as by one, also where one has no row at the last step."""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from swift_lib.pipelines.sft import sft_main

pytestmark = pytest.mark.integration

_SPEC = importlib.util.spec_from_file_location("processes", Path(__file__).with_name("processes.py"))
assert _SPEC and _SPEC.loader
processes = importlib.util.module_from_spec(_SPEC)
sys.modules["processes"] = processes
_SPEC.loader.exec_module(processes)

WORDS = ("red", "blue", "green")
OPTIONS: dict[str, dict[str, Any]] = {
    "seq_cls": {"num_labels": 3},
    "embedding": {"loss_type": "infonce"},
    "reranker": {"loss_type": "listwise_reranker", "max_negative_samples": 1},
}


def said(text: str, role: str = "user") -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def row_of(task: str, i: int) -> dict[str, Any]:
    word, other = WORDS[i % 3], WORDS[(i + 1) % 3]
    question = said(f"{word} " * (1 + i % 4))
    if task == "seq_cls":
        return {"messages": question, "label": i % 3}
    role = "user" if task == "embedding" else "assistant"
    negatives = [said(f"{other} {k}", role) for k in range(1 + i % 3)]
    return {"messages": question, "positive_messages": [said(word, role)], "negative_messages": negatives}


def losses(output: Path) -> list[float]:
    records = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return [record["loss"] for record in records if "loss" in record]


@pytest.mark.parametrize("task", OPTIONS)
def test_two_processes_train_and_measure_like_one(task: str, tiny_model: Path, tmp_path: Path) -> None:
    """13 rows, four a step: of the fourth step one process has the only row."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(row_of(task, i)) + "\n" for i in range(13)))
    given = {
        "model": str(tiny_model), "dataset": [str(rows)], "val_dataset": [str(rows)], "task_type": task,
        "template": "chatml", "tuner_type": "full", "gradient_accumulation_steps": 1, "num_train_epochs": 1.0,
        "logging_steps": 1, "save_strategy": "no", "eval_strategy": "epoch", "learning_rate": 1e-3,
        "gradient_checkpointing": False, "track_uri": "none", **OPTIONS[task],
    }  # fmt: skip
    sizes = {"per_device_train_batch_size": 4, "per_device_eval_batch_size": 4}
    one = sft_main({**given, **sizes, "output_dir": str(tmp_path / "one")})
    halves = {name: size // 2 for name, size in sizes.items()}
    more = {**given, **halves, "output_dir": str(tmp_path / "two")}
    with processes.swift("sft", more, tmp_path / "log", NPROC_PER_NODE="2") as running:
        ended = running.end()
    assert ended.status == 0, ended.text
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=1e-5)
    assert len(losses(tmp_path / "one")) == 4
    metrics = json.loads((tmp_path / "two" / "metrics.json").read_text())
    measured = {name for name in one.metrics if name.startswith("eval_")}
    assert len(measured) > 1
    for name in measured:
        assert metrics[name] == pytest.approx(one.metrics[name], abs=1e-4), name
    alone, together = (load_file(tmp_path / run / "final" / "model.safetensors") for run in ("one", "two"))
    # AdamW makes a whole step of a gradient that is only rounding, so a few single values may differ by one.
    assert all((alone[name] - together[name]).abs().mean() < 1e-5 for name in alone)
