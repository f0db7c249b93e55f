"""The main job on real rows: a 20M-parameter Qwen2 made from a config, full parameters, then a short LoRA run on top.

    python benchmarks/real_input.py --tokenizer FOLDER --rows gsm8k_train.jsonl [--steps 300] [--lora-steps 60]

It asserts what must hold (rows add up, the loss of the last 20 steps is at most 0.8x that of the first 20, validation
loss falls, the LoRA run starts where the full run ended) and prints the figures as one JSON object.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

SHAPE = {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 2,
         "num_key_value_heads": 2, "tie_word_embeddings": True, "max_position_embeddings": 2048}  # fmt: skip
VOCABULARY = 151_936


def make_model(tokenizer_folder: Path, folder: Path) -> int:
    """Random weights with the real vocabulary; returns the number of parameters."""
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    tokenizer.save_pretrained(folder)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    config = Qwen2Config(vocab_size=VOCABULARY, eos_token_id=end, dtype="float32", **SHAPE)
    model = Qwen2ForCausalLM(config)
    model.save_pretrained(folder)
    return model.num_parameters()


def run(words: list[str]) -> float:
    """Run one `swift` command; returns its seconds."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "swift_lib", *words], check=True)
    return time.perf_counter() - start


def curve(output: Path, name: str) -> list[float]:
    """A metric's values in the order in which they were logged."""
    lines = (output / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]
    return [record[name] for record in records if name in record]


def summarise(output: Path, seconds: float) -> dict[str, Any]:
    """The figures of a run, asserted where the claim says so."""
    losses, validation = curve(output, "loss"), curve(output, "eval_loss")
    first, last = statistics.median(losses[:20]), statistics.median(losses[-20:])
    return {
        "seconds": round(seconds, 1),
        "steps": len(losses),
        "median_loss_first_20": round(first, 4),
        "median_loss_last_20": round(last, 4),
        "ratio": round(last / first, 4),
        "validation_loss": [round(value, 4) for value in validation],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--lora-steps", type=int, default=60)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--output", type=Path, default=Path("outputs/real-input"))
    options = parser.parse_args()
    shutil.rmtree(options.output, ignore_errors=True)
    model, data, full, lora = (options.output / name for name in ("model", "data", "full", "lora"))
    parameters = make_model(options.tokenizer, model)
    tracking = ["--track_uri", f"sqlite:///{(options.output / 'mlflow.db').resolve()}", "--track_run_key", "real-input"]
    family = ["--model_type", "qwen2", "--template", "qwen2_5"]

    preprocess = run([
        "preprocess", "--model", str(model), *family, "--dataset", str(options.rows), "--max_length", "1024",
        "--split_dataset_ratio", "0.01", "--output_dir", str(data), *tracking,
    ])  # fmt: skip
    rows = json.loads((data / "manifest.json").read_text(encoding="utf-8"))["preprocess"]
    common = [
        "--cached_dataset", str(data), "--logging_steps", "1", "--per_device_train_batch_size", str(options.batch_size),
        "--gradient_accumulation_steps", "1", "--gradient_checkpointing", "false", "--save_steps", "100",
        "--per_device_eval_batch_size", "8", "--learning_rate", "1e-3", *family, *tracking,
    ]  # fmt: skip
    seconds = run([
        "sft", "--model", str(model), "--tuner_type", "full", "--warmup_ratio", "0.05", "--output_dir", str(full),
        "--max_steps", str(options.steps), "--eval_steps", str(options.steps // 3), *common,
    ])  # fmt: skip
    first = summarise(full, seconds)
    seconds = run([
        "sft", "--model", str(full / "final"), "--tuner_type", "lora", "--output_dir", str(lora),
        "--max_steps", str(options.lora_steps), "--eval_steps", str(options.lora_steps // 2), *common,
    ])  # fmt: skip
    second = summarise(lora, seconds)
    accounted = {name: rows[name] for name in ("rows_in", "kept", "dropped")}
    figures = {"parameters": parameters, "preprocess_seconds": round(preprocess, 1), **accounted}
    print(json.dumps({**figures, "full": first, "lora": second}, indent=1))
    assert rows["rows_in"] == rows["kept"] + rows["dropped"], "the rows do not add up"
    assert first["ratio"] <= 0.8, "the loss of the full run did not fall to 0.8x"
    assert first["validation_loss"][-1] < first["validation_loss"][0], "validation loss did not fall"
    assert second["median_loss_first_20"] < first["median_loss_first_20"], "LoRA did not go on from the full run"


if __name__ == "__main__":
    main()
