"""How far off estimates of memory and time are, over a spread of trainings of a 20M-parameter Qwen2 on this machine.

    python benchmarks/estimate_error.py --tokenizer FOLDER --rows FILE.jsonl [--steps 20] [--cases lora_b1 ...]

FOLDER: a Qwen2 tokenizer; FILE: rows with `question` and `answer` (GSM8K). The model has random weights, two layers and
the real vocabulary of 151,936. For each case, one after the other on one core (--threads):

- computed: `swift estimate --probe false`, from config.json and the lengths of the rows
- probe: `swift estimate`, calibrated by three real steps in a process of their own
- first steps: what `swift sft` said after its own first three steps
- measured: `swift sft` to its end, with an evaluation and a checkpoint at the end

Memory is the peak resident set while training, time the training loop with evaluation and save. Errors are shares of
what was measured, above 0 where the estimate was too high. Targets: memory within 10%, time within 15%.
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

from swift_lib.core import environment

SHAPE = {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 2,
         "num_key_value_heads": 2, "tie_word_embeddings": True, "max_position_embeddings": 8192}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "lora_b1": {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 4},
    "lora_b8_plain": {"per_device_train_batch_size": 8, "gradient_checkpointing": False},
    "lora_b8": {"per_device_train_batch_size": 8},
    "lora_b16_short": {"per_device_train_batch_size": 16, "max_length": 160, "gradient_checkpointing": False},
    "lora_joined": {"per_device_train_batch_size": 4, "padding_free": True},
    "lora_packed_1k": {"per_device_train_batch_size": 2, "packing": True, "packing_length": 1024},
    "lora_packed_4k": {"packing": True, "packing_length": 4096, "gradient_checkpointing": False},
    "full_b2": {"tuner_type": "full", "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2},
    "full_b8_plain": {"tuner_type": "full", "per_device_train_batch_size": 8, "gradient_checkpointing": False},
    "full_packed_2k": {"tuner_type": "full", "packing": True, "packing_length": 2048},
}
FAMILY = {"model_type": "qwen2", "template": "qwen2_5"}


def make_model(tokenizer_folder: Path, folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder)
    tokenizer.save_pretrained(folder)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    Qwen2ForCausalLM(Qwen2Config(vocab_size=151_936, eos_token_id=end, dtype="float32", **SHAPE)).save_pretrained(
        folder
    )


def python(code: str, threads: int) -> str:
    """Run a few lines in a process of their own; what they print."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env=environment.child_environment({"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"}),
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr[-2000:])
    return done.stdout.strip().splitlines()[-1]


def estimated(flags: dict[str, Any], threads: int) -> dict[str, float]:
    code = f"""
import json
from swift_lib.pipelines.estimate import estimate_main
found = estimate_main({flags!r})
print(json.dumps({{"computed": found.memory.peak, "probe": found.peak, "seconds": found.times.total}}))
"""
    result: dict[str, float] = json.loads(python(code, threads))
    return result


def trained(flags: dict[str, Any], threads: int) -> dict[str, float]:
    code = f"""
import json
from swift_lib.pipelines.sft import sft_main
print(json.dumps(sft_main({flags!r}).metrics))
"""
    result: dict[str, float] = json.loads(python(code, threads))
    return result


def errors(name: str, folder: Path, steps: int, threads: int) -> dict[str, float]:
    """The figures of one case; GiB, seconds, errors as shares."""
    case = dict(CASES[name])
    data = folder / f"data-{case.pop('max_length', 1024)}"
    flags = {
        "model": str(folder / "model"), **FAMILY, "cached_dataset": str(data), "track_uri": "none", "max_steps": steps,
        "gradient_accumulation_steps": 1, "logging_steps": 5, "eval_strategy": "steps", "eval_steps": steps,
        "save_steps": steps, **case,
    }  # fmt: skip
    shutil.rmtree(folder / "out", ignore_errors=True)
    guess = estimated(flags, threads)
    real = trained({**flags, "output_dir": str(folder / "out")}, threads)
    peak, seconds = real["peak_memory_gib"] * 2**30, real["train_seconds"]
    return {
        "gib": peak / 2**30,
        "memory_computed": guess["computed"] / peak - 1,
        "memory_probe": guess["probe"] / peak - 1,
        "memory_first_steps": real["estimate_memory_error"],
        "seconds": seconds,
        "time_probe": guess["seconds"] / seconds - 1,
        "time_first_steps": real["estimate_time_error"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cases", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--output", type=Path, default=Path("outputs/estimate-error"))
    options = parser.parse_args()
    folder, begin = options.output.resolve(), time.perf_counter()
    if not (folder / "model" / "config.json").is_file():
        make_model(options.tokenizer, folder / "model")
    for length in (1024, 160):
        data = folder / f"data-{length}"
        flags = {
            "model": str(folder / "model"), **FAMILY, "dataset": [f"{options.rows}#600"], "max_length": length,
            "truncation_strategy": "right", "max_drop_rate": 0.1, "split_dataset_ratio": 0.04, "track_uri": "none",
            "output_dir": str(data),
        }  # fmt: skip
        if not (data / "manifest.json").is_file():
            python(f"from swift_lib.pipelines.preprocess import preprocess_main; print(preprocess_main({flags!r}))", 1)
    found = {}
    for name in options.cases:
        found[name] = errors(name, folder, options.steps, options.threads)
        print(f"{name:16} " + "  ".join(_text(key, value) for key, value in found[name].items()), flush=True)
    for key in [key for key in next(iter(found.values())) if key.startswith(("memory", "time"))]:
        values = [abs(entry[key]) for entry in found.values()]
        print(f"{key:20} median {statistics.median(values):.1%}, largest {max(values):.1%} of {len(values)} cases")
    print(f"{time.perf_counter() - begin:.0f} s in all")


def _text(key: str, value: float) -> str:
    return f"{key} {value:+.1%}" if key.startswith(("memory", "time")) else f"{key} {value:.2f}"


if __name__ == "__main__":
    main()
