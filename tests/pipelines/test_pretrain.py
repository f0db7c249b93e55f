"""`swift pt`: plain text, every token of which is trained."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from swift_lib.cli.main import main
from swift_lib.core.manifest import read_manifest
from swift_lib.dataset.artifact import TokenDataset
from swift_lib.pipelines.pretrain import pretrain_main
from swift_lib.pipelines.sft import sft_main

torch.set_num_threads(1)
COLOURS = ("red", "blue", "green", "black", "white")


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    lines = [f"The {COLOURS[i % 5]} sky and the {COLOURS[i % 5]} sea." * (1 + i % 3) for i in range(48)]
    path.write_text("".join(json.dumps({"text": line}) + "\n" for line in lines))
    return path


def flags(model: Path, texts: Path, output: Path, **more: Any) -> dict[str, Any]:
    return {
        "model": str(model), "dataset": [str(texts)], "output_dir": str(output), "tuner_type": "full",
        "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1, "max_steps": 12, "logging_steps": 1,
        "learning_rate": 3e-3, "split_dataset_ratio": 0.2, "gradient_checkpointing": False, "save_strategy": "no",
        "eval_strategy": "steps", "eval_steps": 12, "track_uri": "none", **more,
    }  # fmt: skip


def text_of(row: dict[str, Any], model: Path) -> str:
    return str(AutoTokenizer.from_pretrained(model).decode(row["input_ids"]))


def records(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]


def test_every_token_but_the_first_is_trained_without_a_chat_template(
    tiny_model: Path, texts: Path, tmp_path: Path
) -> None:
    result = pretrain_main(flags(tiny_model, texts, tmp_path / "out"))
    rows = TokenDataset.open(tmp_path / "out" / "dataset" / "train")
    assert all(row["labels"][0] == -100 and row["labels"][1:] == row["input_ids"][1:] for row in rows)
    assert text_of(rows[0], tiny_model).startswith("The ")
    assert result.metrics["last_loss"] < 0.8 * result.metrics["first_loss"]


def test_validation_tells_the_perplexity(tiny_model: Path, texts: Path, tmp_path: Path) -> None:
    pretrain_main(flags(tiny_model, texts, tmp_path / "out", max_steps=2, eval_steps=2))
    entry, *_ = [entry for entry in records(tmp_path / "out") if "eval_perplexity" in entry]
    assert entry["eval_perplexity"] == pytest.approx(math.exp(entry["eval_loss"]))


def test_packs_are_trained_to_the_same_loss(tiny_model: Path, texts: Path, tmp_path: Path) -> None:
    """One step over all rows, with a rate of 0: the mean over all trained tokens, padded or packed."""
    losses = {}
    for name, more in {"padded": {}, "packed": {"packing": True, "packing_length": 256}}.items():
        output = tmp_path / name
        pretrain_main(
            flags(tiny_model, texts, output, max_steps=1, gradient_accumulation_steps=50, learning_rate=1e-9, **more)
        )
        losses[name] = next(entry["loss"] for entry in records(output) if "loss" in entry)
    assert losses["packed"] == pytest.approx(losses["padded"], abs=1e-5)
    assert read_manifest(tmp_path / "packed")["packing"]["packs"] < 38


def test_long_texts_are_split_by_request(tiny_model: Path, texts: Path, tmp_path: Path) -> None:
    pretrain_main(flags(tiny_model, texts, tmp_path / "out", max_steps=1, max_length=32, truncation_strategy="split"))
    rows = TokenDataset.open(tmp_path / "out" / "dataset" / "train")
    assert len(rows) > 38 and max(rows.lengths) <= 32


def test_supervised_training_takes_over_where_pretraining_ended(tiny_model: Path, texts: Path, tmp_path: Path) -> None:
    before = pretrain_main(flags(tiny_model, texts, tmp_path / "pt", max_steps=2))
    chat = tmp_path / "chat.jsonl"
    messages = [{"role": "user", "content": "Sky?"}, {"role": "assistant", "content": "Blue."}]
    chat.write_text((json.dumps({"messages": messages}) + "\n") * 8)
    result = sft_main(flags(Path(before.final), chat, tmp_path / "sft", max_steps=2, split_dataset_ratio=0.25))
    assert result.metrics["steps"] == 2
    assert "<|im_start|>user" in text_of(TokenDataset.open(tmp_path / "sft" / "dataset" / "train")[0], tiny_model)


def test_the_command_is_there(tiny_model: Path, texts: Path, tmp_path: Path) -> None:
    words = ["pt", "--model", str(tiny_model), "--dataset", str(texts), "--output_dir", str(tmp_path / "out")]
    assert main([*words, "--max_steps", "1", "--save_strategy", "no", "--track_uri", "none"]) == 0
    stored = json.loads((tmp_path / "out" / "args.json").read_text())
    assert (stored["command"], stored["use_chat_template"], stored["loss_scale"]) == ("PretrainArguments", False, "all")
