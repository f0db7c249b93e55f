"""The programs that `training_speed.py` compares: how each is told to do the same work, and how it is timed."""

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Read by every program as a plugin: when each step began and ended, and its loss, one JSON line an event.
STAMPS = """
import json, os, time
import transformers
import transformers.trainer

class Stamp(transformers.TrainerCallback):
    def _say(self, event, **facts):
        with open(os.environ["STAMPS"], "a") as file:
            file.write(json.dumps({"event": event, "at": time.time(), "cpu": time.process_time(), **facts}) + "\\n")

    def on_step_begin(self, args, state, control, **kwargs):
        self._say("begin")

    def on_step_end(self, args, state, control, **kwargs):
        self._say("end")

    def on_log(self, args, state, control, logs=None, **kwargs):
        if logs and "loss" in logs:
            self._say("loss", loss=float(logs["loss"]))

    def on_train_end(self, args, state, control, **kwargs):
        import torch
        if torch.cuda.is_available():
            self._say("gpu", memory=torch.cuda.max_memory_reserved() / 2**20)

transformers.trainer.DEFAULT_CALLBACKS.append(Stamp)
"""

# TRL has no command that takes a plugin: its documented Python interface, with the same values.
TRL = """
import json, os, sys, runpy
runpy.run_path(sys.argv[1])
plan = json.loads(sys.argv[2])
import torch
from datasets import load_dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer
model = AutoModelForCausalLM.from_pretrained(plan["model"], dtype=getattr(torch, plan["dtype"]), **plan["attention"])
trainer = SFTTrainer(
    model=model,
    args=SFTConfig(**plan["config"]),
    train_dataset=load_dataset("json", data_files=plan["rows"], split="train"),
    processing_class=AutoTokenizer.from_pretrained(plan["model"]),
    peft_config=LoraConfig(**plan["lora"]),
)
trainer.train()
"""


@dataclass(frozen=True)
class Work:
    """What is trained, alike in every program."""

    model: Path
    rows: Path
    steps: int
    batch: int
    accumulation: int = 1
    packing_length: int = 0
    max_length: int = 2048
    dtype: str = "float32"
    checkpointing: bool = True
    device: str = "cpu"
    attention: str = ""
    more: tuple[str, ...] = ()


@dataclass
class Run:
    """What one run of a program showed. Times in seconds, of the clock and of the processor; memory in MiB."""

    to_first_step: float
    steps: list[float]
    cpu_to_first_step: float
    cpu_steps: list[float]
    losses: list[float]
    memory: float
    gpu_memory: float = 0.0


def words_of(work: Work, output: Path) -> list[str]:
    """The arguments that `swift sft` has in both projects, by the same names and with the same values."""
    words = {
        "model": work.model, "model_type": "qwen3" if work.device == "cuda" else "qwen2", "dataset": work.rows,
        "template": "qwen2_5", "tuner_type": "lora", "torch_dtype": work.dtype,
        "per_device_train_batch_size": work.batch, "gradient_accumulation_steps": work.accumulation,
        "max_steps": work.steps, "max_length": work.max_length, "learning_rate": "1e-4", "lr_scheduler_type": "cosine",
        "warmup_ratio": "0", "logging_steps": 1, "save_strategy": "no", "dataset_shuffle": "false",
        "train_dataloader_shuffle": "false", "split_dataset_ratio": 0, "output_dir": output,
        "gradient_checkpointing": str(work.checkpointing).lower(), "external_plugins": output.parent / "stamps.py",
    }  # fmt: skip
    words |= {"lora_rank": 8, "lora_alpha": 32, "lora_dropout": 0, "target_modules": "all-linear"}
    if work.attention:
        words["attn_impl"] = work.attention
    if work.packing_length:
        words |= {"packing": "true", "packing_length": work.packing_length}
    return [word for name, value in words.items() for word in (f"--{name}", str(value))] + list(work.more)


def ours(work: Work, output: Path) -> list[str]:
    """This project's command line."""
    return [sys.executable, "-m", "swift_lib", "sft", *words_of(work, output), "--track_uri", "none"]


def ms_swift(python: str, work: Work, output: Path) -> list[str]:
    """ms-swift's command line."""
    command = Path(python).with_name("swift")
    return [str(command), "sft", *words_of(work, output), "--report_to", "none", "--use_hf", "true"]


def trl(python: str, work: Work, output: Path) -> list[str]:
    """TRL through its Python interface."""
    config = {
        "output_dir": str(output), "per_device_train_batch_size": work.batch, "max_steps": work.steps,
        "gradient_accumulation_steps": work.accumulation, "learning_rate": 1e-4, "lr_scheduler_type": "cosine",
        "warmup_steps": 0, "logging_steps": 1, "save_strategy": "no", "report_to": "none",
        "max_length": work.packing_length or work.max_length, "packing": bool(work.packing_length),
        "assistant_only_loss": True, "gradient_checkpointing": work.checkpointing, "bf16": work.dtype == "bfloat16",
        "use_cpu": work.device == "cpu", "train_sampling_strategy": "sequential", "adam_beta2": 0.95,
        "weight_decay": 0.1, "dataset_num_proc": 1,
    }  # fmt: skip
    lora = {"r": 8, "lora_alpha": 32, "lora_dropout": 0.0, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}
    plan = {
        "model": str(work.model), "rows": str(work.rows), "dtype": work.dtype, "config": config,
        "lora": lora, "attention": {"attn_implementation": work.attention} if work.attention else {},
    }  # fmt: skip
    return [python, "-c", TRL, str(output.parent / "stamps.py"), json.dumps(plan)]


def run(command: list[str], folder: Path, *, threads: int, memory_limit: float = 0) -> Run:
    """Run a program in a process of its own. Ends the benchmark if the program fails."""
    (folder / "stamps.py").write_text(STAMPS)
    stamps = folder / "stamps.jsonl"
    stamps.unlink(missing_ok=True)
    environment = {
        **os.environ, "OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false", "STAMPS": str(stamps), "HF_HOME": str(folder / "hf"),
        "HF_DATASETS_CACHE": str(folder / "hf" / "datasets"), "MODELSCOPE_CACHE": str(folder / "hf" / "modelscope"),
    }  # fmt: skip
    environment |= {"PYTHONPATH": str(ROOT)} if command[0] == sys.executable else {"PYTHONPATH": ""}

    def limit() -> None:
        if memory_limit:
            resource.setrlimit(resource.RLIMIT_DATA, (int(memory_limit * 2**30),) * 2)

    log = folder / "log.txt"
    with open(log, "w") as out:
        started = time.time()
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, env=environment, cwd=folder, preexec_fn=limit
        )
        _, status, usage = os.wait4(process.pid, 0)
    if status or not stamps.exists():
        sys.exit(f"a program failed:\n{' '.join(command)[:2000]}\n{log.read_text()[-4000:]}")
    events = [json.loads(line) for line in stamps.read_text().splitlines()]
    begin = next(event for event in events if event["event"] == "begin")
    return Run(
        to_first_step=begin["at"] - started,
        steps=_differences(events, begin, "at"),
        cpu_to_first_step=begin["cpu"],
        cpu_steps=_differences(events, begin, "cpu"),
        losses=[event["loss"] for event in events if event["event"] == "loss"],
        memory=usage.ru_maxrss / 1024,
        gpu_memory=max((event["memory"] for event in events if event["event"] == "gpu"), default=0.0),
    )


def _differences(events: list[dict[str, float]], begin: dict[str, float], clock: str) -> list[float]:
    """From the end of a step to the end of the next: what happens between steps is part of them."""
    ends = [event[clock] for event in events if event["event"] == "end"]
    return [after - before for before, after in zip([begin[clock], *ends[:-1]], ends, strict=True)]
