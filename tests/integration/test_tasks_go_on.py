"""Every task goes on: from a checkpoint to the weights of a run that was never stopped, and from what was trained."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from swift_lib.pipelines.export import export_main
from swift_lib.pipelines.predict import Predictor
from swift_lib.pipelines.sft import sft_main

pytestmark = pytest.mark.integration
torch.set_num_threads(1)
Row = dict[str, Any]
WORDS = ("red", "blue", "green")

OPTIONS: dict[str, dict[str, Any]] = {
    "seq_cls": {"num_labels": 3},
    "embedding": {"loss_type": "infonce"},
    "reranker": {"loss_type": "listwise_reranker"},
    "generative_reranker": {"loss_type": "pointwise_reranker", "positive_token": "y", "negative_token": "n"},
    "prm": {},
}
TASKS = list(OPTIONS)
TUNERS = ("full", "lora")


def said(text: str, role: str = "user") -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def row_of(task: str, i: int) -> Row:
    word, other = WORDS[i % 3], WORDS[(i + 1) % 3]
    question = said(f"{word} {i}")
    if task == "seq_cls":
        return {"messages": question, "label": i % 3}
    if task == "embedding":
        return {"messages": question, "positive_messages": [said(word)], "negative_messages": [said(other)]}
    if task == "prm":
        return {"messages": [*question, *said(f"{word}\n\n{other}", "assistant")], "label": [1, 0]}
    fitting, others = [said(word, "assistant")], [said(other, "assistant"), said("none", "assistant")]
    return {"messages": question, "positive_messages": fitting, "negative_messages": others}


def flags(model: str | Path, folder: Path, task: str, output: str, **more: Any) -> dict[str, Any]:
    rows = folder / "rows.jsonl"
    rows.write_text("".join(json.dumps(row_of(task, i)) + "\n" for i in range(12)))
    return {
        "model": str(model), "dataset": [str(rows)], "output_dir": str(folder / output), "template": "chatml",
        "task_type": task, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1, "max_steps": 4,
        "save_steps": 2, "logging_steps": 1, "learning_rate": 1e-2, "gradient_checkpointing": False,
        "track_uri": "none", **OPTIONS[task], **more,
    }  # fmt: skip


def weights(folder: str | Path) -> dict[str, torch.Tensor]:
    [path] = Path(folder).glob("*model.safetensors")
    return load_file(path)


@pytest.mark.parametrize("tuner", TUNERS)
@pytest.mark.parametrize("task", TASKS)
def test_a_checkpoint_is_gone_on_from_to_the_same_weights(
    task: str, tuner: str, tiny_model: Path, tmp_path: Path
) -> None:
    whole = sft_main(flags(tiny_model, tmp_path, task, "whole", tuner_type=tuner))
    start = str(tmp_path / "whole" / "checkpoint-2")
    rest = sft_main(flags(tiny_model, tmp_path, task, "rest", tuner_type=tuner, resume_from_checkpoint=start))
    expected, found = weights(whole.final), weights(rest.final)
    assert rest.metrics["steps"] == 4 and expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


@pytest.mark.parametrize("tuner", TUNERS)
@pytest.mark.parametrize("task", TASKS)
def test_what_was_trained_is_trained_further(task: str, tuner: str, tiny_model: Path, tmp_path: Path) -> None:
    """The task need not be said again: the adapter, or the model, says it."""
    common = {"save_strategy": "no", "tuner_type": tuner}
    first = sft_main(flags(tiny_model, tmp_path, task, "first", max_steps=2, **common))
    base, adapters = (first.final, []) if tuner == "full" else (str(tiny_model), [first.final])
    more = flags(base, tmp_path, task, "second", max_steps=1, **common, learning_rate=1e-12, adapters=adapters)
    for name in ("task_type", "num_labels"):
        more.pop(name, None)
    second = sft_main(more)
    before, after = weights(first.final), weights(second.final)
    assert before.keys() == after.keys()
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before), "also the head"


@pytest.mark.parametrize("task", TASKS)
def test_an_adapter_says_the_same_alone_and_merged(task: str, tiny_model: Path, tmp_path: Path) -> None:
    trained = sft_main(flags(tiny_model, tmp_path, task, "trained", save_strategy="no"))
    merged = tmp_path / "merged"
    result = export_main(
        ["--model", str(tiny_model), "--adapters", trained.final, "--merge_lora", "true", "--output_dir", str(merged)]
    )
    assert result.metrics["adapter_effect"] > 0
    rows = [row_of(task, i) for i in range(5)]
    if task == "embedding":
        rows = [{"messages": row["messages"]} for row in rows]
    beside = Predictor(["--model", str(tiny_model), "--adapters", trained.final])(rows)
    inside = Predictor(["--model", str(merged)])(rows)
    base = Predictor(flags_of_base(tiny_model, task))(rows)
    assert all(abs(one - other).max() < 1e-4 for one, other in zip(beside, inside, strict=True))
    assert any(abs(one - other).max() > 1e-4 for one, other in zip(beside, base, strict=True))


def flags_of_base(model: Path, task: str) -> list[str]:
    words = ["--model", str(model), "--task_type", task, "--template", "chatml"]
    for name, value in OPTIONS[task].items():
        words += [] if name == "loss_type" else [f"--{name}", str(value)]
    return words
