"""Every task is learned: a tiny model beats the majority class, or a random ranking, by 30 points on held-out rows.

Trained as people do it, with `swift sft --task_type ...`, and asked through `predict`, which reads what was saved.
"""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from swift_lib.pipelines.predict import Predictor
from swift_lib.pipelines.sft import SftResult, sft_main

pytestmark = pytest.mark.integration
torch.set_num_threads(1)

WORDS = ("red", "blue", "green", "black", "white", "pink", "grey", "brown")
FILLERS = ("sun", "sea", "sky", "cat", "dog", "tree", "box", "cup")
MARGIN = 0.3
Row = dict[str, Any]


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


def around(draw: random.Random, word: str, others: int = 3) -> str:
    """A word among others, at any place."""
    words = [*draw.choices(FILLERS, k=others), word]
    draw.shuffle(words)
    return " ".join(words)


def one_class(draw: random.Random) -> Row:
    label = draw.randrange(4)
    return {"messages": user(around(draw, WORDS[label])), "label": label}


def several_classes(draw: random.Random) -> Row:
    label = [at for at in range(4) if draw.random() < 0.5]
    words = [WORDS[at] for at in label] + draw.choices(FILLERS, k=2)
    draw.shuffle(words)
    return {"messages": user(" ".join(words)), "label": label}


def number(draw: random.Random) -> Row:
    words = [draw.choice(("red", "sea")) for _ in range(5)]
    return {"messages": user(" ".join(words)), "label": words.count("red") / 5}


def texts(draw: random.Random) -> Row:
    word, *others = draw.sample(WORDS, 4)
    return {
        "messages": user(around(draw, word)),
        "positive_messages": [user(around(draw, word))],
        "negative_messages": [user(around(draw, other)) for other in others],
    }


def pair(draw: random.Random) -> Row:
    """Two texts, alike or not."""
    word, other = draw.sample(WORDS[:4], 2)
    label = draw.randrange(2)
    positive = around(draw, word if label else other, 1)
    return {"messages": user(around(draw, word, 1)), "positive_messages": [user(positive)], "label": float(label)}


def documents(draw: random.Random) -> Row:
    """The document fits that is the query's word."""
    word, *others = draw.sample(WORDS[:4], 4)
    return {
        "messages": user(word),
        "positive_messages": [said(word)],
        "negative_messages": [said(other) for other in others],
    }


def steps(draw: random.Random) -> Row:
    """A step is right where it names one of the first four words."""
    label = [draw.randrange(2) for _ in range(3)]
    lines = [around(draw, draw.choice(WORDS[:4] if good else WORDS[4:])) for good in label]
    return {"messages": [*user("go"), *said("\n\n".join(lines))], "label": label}


def written(folder: Path, name: str, make: Callable[[random.Random], Row], count: int, seed: int) -> list[Row]:
    draw = random.Random(seed)
    rows = [make(draw) for _ in range(count)]
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows


def learned(
    model: Path, folder: Path, make: Callable[[random.Random], Row], count: int, **more: Any
) -> tuple[SftResult, list[Row], list[np.ndarray]]:
    """Train on rows of a kind; the result, 100 held-out rows, and what the saved model says of them."""
    written(folder, "train", make, count, 1)
    written(folder, "validation", make, 64, 2)
    rows = written(folder, "held_out", make, 100, 3)
    result = sft_main(
        {
            "model": str(model), "dataset": [str(folder / "train.jsonl")],
            "val_dataset": [str(folder / "validation.jsonl")], "output_dir": str(folder / "out"),
            "tuner_type": "full", "per_device_train_batch_size": 16, "per_device_eval_batch_size": 32,
            "gradient_accumulation_steps": 1, "learning_rate": 3e-3, "warmup_ratio": 0.1, "logging_steps": 20,
            "weight_decay": 0.0, "save_strategy": "no", "eval_strategy": "epoch", "gradient_checkpointing": False,
            "template": "chatml", "track_uri": "none", **more,
        }
    )  # fmt: skip
    asked = Predictor(["--model", result.final, "--max_batch_size", "32"])
    return result, rows, asked(rows)


def majority(labels: list[Any]) -> float:
    return max(labels.count(label) for label in labels) / len(labels)


def test_one_class(tiny_model: Path, tmp_path: Path) -> None:
    result, rows, said = learned(tiny_model, tmp_path, one_class, 1600, task_type="seq_cls", num_labels=4)
    labels = [row["label"] for row in rows]
    right = np.mean([values.argmax() == label for values, label in zip(said, labels, strict=True)])
    assert right >= majority(labels) + MARGIN
    assert result.metrics["eval_acc"] >= 0.25 + MARGIN and result.metrics["eval_f1"] >= 0.25 + MARGIN
    assert all(values.sum() == pytest.approx(1) for values in said)


def test_several_classes(tiny_model: Path, tmp_path: Path) -> None:
    result, rows, said = learned(tiny_model, tmp_path, several_classes, 1600, task_type="seq_cls", num_labels=4)
    labels = [[float(at in row["label"]) for at in range(4)] for row in rows]
    right = np.mean((np.array(said) > 0.5) == np.array(labels))
    assert right >= np.mean(np.maximum(np.mean(labels, 0), 1 - np.mean(labels, 0))) + MARGIN
    assert result.metrics["eval_f1"] >= 0.8


def test_numbers(tiny_model: Path, tmp_path: Path) -> None:
    result, rows, said = learned(tiny_model, tmp_path, number, 1200, num_labels=1)
    labels = np.array([row["label"] for row in rows])
    error = np.mean((np.concatenate(said) - labels) ** 2)
    assert error <= (1 - MARGIN) * labels.var(), "no better than the mean of all labels"
    assert result.metrics["eval_pearson"] >= 0.5 + MARGIN


def ranked_first(said: list[np.ndarray]) -> float:
    """The share of rows whose first document is put before the others; by chance one in four."""
    return float(np.mean([values.argmax() == 0 for values in said]))


@pytest.mark.parametrize("loss", ["pointwise_reranker", "listwise_reranker"])
def test_rerankers(loss: str, tiny_model: Path, tmp_path: Path) -> None:
    result, _, said = learned(
        tiny_model, tmp_path, documents, 1200, task_type="reranker", loss_type=loss, per_device_train_batch_size=8
    )
    assert ranked_first(said) >= 0.25 + MARGIN
    assert result.metrics["eval_mrr"] >= 0.52 + MARGIN


def test_generative_rerankers(tiny_model: Path, tmp_path: Path) -> None:
    result, _, said = learned(
        tiny_model, tmp_path, documents, 1200, task_type="generative_reranker", loss_type="pointwise_reranker",
        positive_token="y", negative_token="n", per_device_train_batch_size=8,
    )  # fmt: skip
    assert ranked_first(said) >= 0.25 + MARGIN
    assert result.metrics["eval_mrr"] >= 0.52 + MARGIN


def test_steps(tiny_model: Path, tmp_path: Path) -> None:
    result, rows, said = learned(tiny_model, tmp_path, steps, 1600, task_type="prm")
    assert [len(values) for values in said] == [3] * len(rows)
    labels = [label for row in rows for label in row["label"]]
    right = np.mean([values.argmax() == label for values, label in zip(np.concatenate(said), labels, strict=True)])
    assert right >= majority(labels) + MARGIN
    assert result.metrics["eval_step_acc"] >= 0.5 + MARGIN


def test_embeddings_by_infonce(tiny_model: Path, tmp_path: Path) -> None:
    result, rows, _ = learned(tiny_model, tmp_path, texts, 400, task_type="embedding", loss_type="infonce")
    asked = Predictor(["--model", result.final, "--max_batch_size", "32"])
    sides = [asked([{"messages": row["messages"]} for row in rows])]
    sides.append(asked([{"messages": row["positive_messages"][0]} for row in rows]))
    sides += [asked([{"messages": row["negative_messages"][at]} for row in rows]) for at in range(3)]
    anchors, *others = (np.array(side) for side in sides)
    likeness = np.stack([(anchors * other).sum(1) for other in others], 1)
    assert ranked_first(list(likeness)) >= 0.25 + MARGIN
    assert result.metrics["eval_mean_pos"] > result.metrics["eval_mean_neg"] + MARGIN


@pytest.mark.parametrize("loss", ["cosine_similarity", "contrastive", "online_contrastive"])
def test_embeddings_of_pairs(loss: str, tiny_model: Path, tmp_path: Path) -> None:
    result, rows, _ = learned(tiny_model, tmp_path, pair, 1600, task_type="embedding", loss_type=loss)
    asked = Predictor(["--model", result.final, "--max_batch_size", "32"])
    first = np.array(asked([{"messages": row["messages"]} for row in rows]))
    second = np.array(asked([{"messages": row["positive_messages"][0]} for row in rows]))
    alike = (first * second).sum(1)
    labels = np.array([row["label"] for row in rows])
    ranked = np.mean([one > other for one in alike[labels == 1] for other in alike[labels == 0]])
    assert ranked >= 0.5 + MARGIN
    assert result.metrics["eval_pearson_cosine"] >= 0.5
