"""How far the losses of two processes are from those of one, in every mode, on a tiny random model and uneven rows."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

MODES: dict[str, dict[str, Any]] = {
    "DDP": {},
    "ZeRO-1": {"deepspeed": "zero1"},
    "ZeRO-2": {"deepspeed": "zero2"},
    "ZeRO-3": {"deepspeed": "zero3"},
    "FSDP2": {"fsdp": "fsdp2"},
    "sequence parallel": {"sequence_parallel_size": 2},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rows", type=int, default=101)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--tuner_type", choices=("full", "lora"), default="full")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model, rows = prepare(Path(folder), options.rows)
        common = {
            "model": model, "dataset": rows, "tuner_type": options.tuner_type, "max_steps": options.steps,
            "num_train_epochs": 1000, "logging_steps": 1, "learning_rate": 3e-3, "lora_dropout": 0.0,
            "per_device_train_batch_size": 2, "save_strategy": "no", "track_uri": "none",
        }  # fmt: skip
        accumulated = 2 * options.processes
        alone = curve(Path(folder) / "one", {**common, "gradient_accumulation_steps": accumulated}, 1)
        print(f"{'mode':<20}{'processes':>10}{'loss':>12}{'largest difference':>22}{'of the norms':>16}")
        print(f"{'one process':<20}{1:>10}{alone[-1][0]:>12.6f}")
        for name, more in MODES.items():
            batches = accumulated if "sequence_parallel_size" in more else 2
            given = {**common, **more, "gradient_accumulation_steps": batches}
            found = curve(Path(folder) / name.replace(" ", "-"), given, options.processes)
            worst = [max(abs(a[i] - b[i]) for a, b in zip(found, alone, strict=True)) for i in (0, 1)]
            print(f"{name:<20}{options.processes:>10}{found[-1][0]:>12.6f}{worst[0]:>22.1e}{worst[1]:>16.1e}")


def prepare(folder: Path, count: int) -> tuple[str, str]:
    """A tiny model and rows whose answers are of very different length."""
    from tests.tiny import make_tiny_model

    path = folder / "rows.jsonl"
    with path.open("w") as stream:
        for i in range(count):
            answer = " ".join(["red", "blue", "green"][i % 3] for _ in range(1 + 3 * (i % 7)))
            messages = [{"role": "user", "content": f"say {i}"}, {"role": "assistant", "content": answer}]
            stream.write(json.dumps({"messages": messages}) + "\n")
    return str(make_tiny_model(folder)), str(path)


def curve(output: Path, arguments: dict[str, Any], processes: int) -> list[tuple[float, float]]:
    """(loss, norm of the gradient) at each step."""
    words = [word for name, value in arguments.items() for word in (f"--{name}", str(value))]
    line = [sys.executable, "-m", "swift_lib", "sft", *words, "--output_dir", str(output)]
    environment = {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*line, "--nproc_per_node", str(processes)], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(line)} failed:\n{done.stderr[-3000:]}")
    records = [json.loads(text) for text in (output / "metrics.jsonl").read_text().splitlines()]
    return [(record["loss"], record["grad_norm"]) for record in records if "loss" in record]


if __name__ == "__main__":
    main()
