"""Replies that are generated while training: from the prompt alone, compared with the reply that is trained."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from swift_lib.core.plugins import load_plugins
from swift_lib.pipelines.sft import sft_main
from swift_lib.trainers.generating import Generated, prediction

torch.set_num_threads(1)

EXACT = """
import numpy as np

def exact(prediction):
    pairs = zip(prediction.predictions, prediction.label_ids)
    return {'exact': float(np.mean([[t for t in a if t >= 0] == [t for t in b if t >= 0] for a, b in pairs]))}

METRIC_MAPPING = {'exact_replies': (exact, None)}
"""


@pytest.fixture(scope="module")
def exact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("plugin") / "exact_replies.py"
    path.write_text(EXACT)
    load_plugins([str(path)])
    return path


def words(tmp_path: Path) -> Path:
    colours = ["red", "blue", "green", "black"]
    rows = [
        {"messages": [{"role": "user", "content": f"say {word}"}, {"role": "assistant", "content": word}]}
        for word in colours * 4
    ]
    path = tmp_path / "words.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("packing", [False, True])
def test_replies_become_right_while_the_model_learns(
    tiny_model: Path, tmp_path: Path, exact: Path, packing: bool
) -> None:
    rows = words(tmp_path)
    result = sft_main({
        "model": str(tiny_model), "dataset": [str(rows)], "val_dataset": [f"{rows}#8"],
        "external_plugins": [str(exact)],
        "output_dir": str(tmp_path / "out"), "tuner_type": "full", "learning_rate": 3e-3, "max_steps": 60,
        "per_device_train_batch_size": 1 if packing else 16, "gradient_accumulation_steps": 4 if packing else 1,
        "packing": packing, "save_strategy": "no", "eval_strategy": "steps",
        "eval_steps": 60, "eval_on_start": True, "logging_steps": 20, "gradient_checkpointing": False,
        "track_uri": "none", "predict_with_generate": True, "eval_metric": "exact_replies",
        "per_device_eval_batch_size": 4, "max_new_tokens": 16, "metric_for_best_model": "exact",
    })  # fmt: skip
    records: list[dict[str, Any]] = [
        json.loads(line) for line in (Path(result.output_dir) / "metrics.jsonl").read_text().splitlines()
    ]
    found = [record["eval_exact"] for record in records if "eval_exact" in record]
    assert found[0] == 0 and found[-1] > 0.7
    replies = [json.loads(line) for line in (Path(result.output_dir) / "predict.jsonl").read_text().splitlines()]
    assert len(replies) == 8 and all(reply["prompt"].endswith("assistant\n") for reply in replies)
    right = [reply["response"] == reply["labels"] for reply in replies]
    assert np.mean(right) == pytest.approx(found[-1])


def test_a_prediction_holds_replies_and_references_padded_alike() -> None:
    made = prediction([Generated(0, [1], [5, 6], [5]), Generated(1, [1], [], [7, 8, 9])])
    assert made.predictions.tolist() == [[5, 6], [-100, -100]]
    assert made.label_ids.tolist() == [[5, -100, -100], [7, 8, 9]]
