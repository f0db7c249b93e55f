"""What `swift sft` adds to a step: against a bare PyTorch loop of the same model, loss and rows, step by step in turns.

    python benchmarks/training_overhead.py --tokenizer FOLDER [--rows gsm8k_train.jsonl] [--steps 60]

FOLDER: a Qwen2 tokenizer; the model is that of `training_speed.py`. After each optimizer step of the training, in the
same process, the bare loop takes one of its own with a copy of the model: collate, forward, backward, clip, AdamW,
learning rate. So both meet the same machine. A step of the training is all that lies between two of the loop's: reading
rows, the Trainer, our checks, reports and tracking (SQLite), logging every step. Figure: the median of the steps'
quotients, of the clock and of the processor; limit 1.05.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import transformers
import transformers.trainer
from training_speed import make_model, make_rows

from swift_lib.pipelines.sft import sft_main
from swift_lib.trainers.fused import FusedLoss

WARM_UP, LIMIT = 5, 1.05
now = time.perf_counter, time.process_time


class BareLoop:
    """The least that trains: a copy of the model, its own optimizer, loader and schedule."""

    def __init__(self, model: Any, loader: Any, args: Any, steps: int) -> None:
        self._model = copy_of(model)
        self._parameters = [value for value in self._model.parameters() if value.requires_grad]
        self._optimizer = torch.optim.AdamW(
            self._parameters, lr=args.learning_rate, betas=(args.adam_beta1, args.adam_beta2),
            weight_decay=args.weight_decay, fused=True,
        )  # fmt: skip
        self._schedule = transformers.get_cosine_schedule_with_warmup(self._optimizer, 0, steps)
        self._batches = iter(
            torch.utils.data.DataLoader(
                loader.dataset, batch_size=args.per_device_train_batch_size, collate_fn=loader.collate_fn
            )
        )
        self._loss, self._clip = FusedLoss(), args.max_grad_norm

    def step(self) -> float:
        """One optimizer step; returns its loss."""
        batch = {name: value for name, value in next(self._batches).items() if isinstance(value, torch.Tensor)}
        labels = batch.pop("labels")
        loss = self._loss(self._model, batch, labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters, self._clip)
        self._optimizer.step()
        self._schedule.step()
        self._optimizer.zero_grad()
        return float(loss.detach())


def copy_of(model: Any) -> Any:
    """Another model with the same values, in the same mode."""
    import copy

    return copy.deepcopy(model).train()


class Turns(transformers.TrainerCallback):
    """Lets the bare loop take a step after each of the training's."""

    found: list[tuple[tuple[float, float], tuple[float, float]]] = []  # noqa: RUF012  ((clock, processor) of both)
    losses: list[tuple[float, float]] = []  # noqa: RUF012

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._loop = BareLoop(kwargs["model"], kwargs["train_dataloader"], args, state.max_steps)
        self._since = [clock() for clock in now]

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        between = [clock() for clock in now]
        self._bare = self._loop.step()
        after = [clock() for clock in now]
        training = between[0] - self._since[0], between[1] - self._since[1]
        self.found.append((training, (after[0] - between[0], after[1] - between[1])))
        self._since = [clock() for clock in now]

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if "loss" in logs:
            self.losses.append((logs["loss"], self._bare))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--rows", type=Path)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--checkpointing", choices=["true", "false"], default="true")
    options = parser.parse_args()
    transformers.trainer.DEFAULT_CALLBACKS.append(Turns)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sft_main({
            "model": str(make_model(folder / "model", options.tokenizer, "cpu")), "model_type": "qwen2",
            "dataset": [str(make_rows(folder / "rows.jsonl", options.rows, options.steps * options.batch))],
            "template": "qwen2_5", "torch_dtype": "float32", "per_device_train_batch_size": options.batch,
            "gradient_accumulation_steps": 1, "max_steps": options.steps, "logging_steps": 1, "warmup_ratio": 0.0,
            "dataset_shuffle": False, "save_strategy": "no", "output_dir": str(folder / "output"), "lora_dropout": 0.0,
            "gradient_checkpointing": options.checkpointing == "true",
            "track_uri": f"sqlite:///{folder}/mlflow.db", "track_run_key": "overhead",
        })  # fmt: skip
    worst = max(abs(one - other) for one, other in Turns.losses)
    assert worst < 1e-3, f"the loop did not train the same: losses differ by {worst}"
    figures: dict[str, Any] = {"steps": len(Turns.found), "losses differ by": worst}
    for clock, at in (("clock", 0), ("processor", 1)):
        pairs = [(training[at], bare[at]) for training, bare in Turns.found[WARM_UP:]]
        ratio = statistics.median(training / bare for training, bare in pairs)
        figures[clock] = {
            "training (s)": round(statistics.median(pair[0] for pair in pairs), 4),
            "bare loop (s)": round(statistics.median(pair[1] for pair in pairs), 4),
            "quotient": round(ratio, 4),
            "limit": f"{LIMIT}: {'kept' if ratio <= LIMIT else 'BROKEN'}",
        }
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
