"""A few real steps of a training, in a process of their own, so that its memory is that of the training alone.

`python -m swift_lib.pipelines.probe FOLDER` reads plan.json there and writes result.json. Nothing that is trained is
kept.
"""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from swift_lib.arguments import SftArguments
from swift_lib.core import environment
from swift_lib.core.files import write_atomic
from swift_lib.dataset.artifact import TokenDataset
from swift_lib.pipelines import tasks
from swift_lib.pipelines.sft import load, make_trainer
from swift_lib.pipelines.training_data import TrainingData, training_data
from swift_lib.pipelines.tuning import tune
from swift_lib.trainers import memory
from swift_lib.trainers.hf_arguments import plugin_view, to_hf
from swift_lib.trainers.workload import Workload

logger = logging.getLogger(__name__)

PLAN, RESULT = "plan.json", "result.json"
_STEPS = 3
_SECONDS = 1800
_EVALUATED = 4  # batches
_LARGEST_SAVE = 2 * memory.GIB  # of what a checkpoint is thought to hold; a larger one is not tried


@dataclass(frozen=True)
class Plan:
    """batches: positions of the rows (or packs) of each batch, `accumulation` of them a step; evaluates: batches."""

    arguments: dict[str, Any]
    batches: list[list[int]]
    accumulation: int
    evaluates: bool
    saves: bool


@dataclass(frozen=True)
class Probed:
    """What was measured: bytes and seconds. batches: of each batch; steps: of each step beside its batches.

    evaluation: of one batch; None where none was made. save: of one checkpoint.
    """

    peak: int
    base: int
    batches: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    evaluation: float | None = None
    save: float | None = None


def choose(work: Workload) -> tuple[list[list[int]], int]:
    """The batches of three steps and how many a step has: typical ones, and once the longest.

    It comes late: then the optimizer's state is there and, where gradients are accumulated, those of an earlier batch.
    """
    widths = work.widths()
    longest = int(widths.argmax())
    typical = [int(at) for at in abs(widths - widths.mean()).argsort(kind="stable")[: 2 * _STEPS]]
    typical += [typical[-1]] * (2 * _STEPS - len(typical))
    accumulation = min(work.accumulation, 2)
    chosen = typical[: _STEPS * accumulation]
    chosen[2 * accumulation - 1] = longest
    return [work.positions(at) for at in chosen], accumulation


def run_probe(plan: Plan, folder: Path) -> Probed | None:
    """Run the steps in another process; None, and a logged line, where they failed."""
    write_atomic(folder / PLAN, json.dumps(asdict(plan)).encode())
    words = [sys.executable, "-m", __name__, str(folder)]
    try:
        done = subprocess.run(
            words, env=environment.child_environment(), capture_output=True, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        logger.warning("the steps took more than %s s and were given up; what follows is computed only", _SECONDS)
        return None
    if not (folder / RESULT).is_file():
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit status {done.returncode}"]
        logger.warning("the steps could not be tried (%s); what follows is computed only", lines[-1].strip())
        return None
    return Probed(**json.loads((folder / RESULT).read_text(encoding="utf-8")))


class _Chosen(Sequence[Any]):
    """Rows of a dataset by their positions."""

    def __init__(self, rows: Any, positions: Sequence[int]) -> None:
        self.rows, self._positions = rows, positions

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, index: Any) -> Any:
        return self.rows[self._positions[index]]


class _Stopwatch(TrainerCallback):
    """Seconds of each batch, and of each step beside its batches."""

    def __init__(self) -> None:
        self.batches: list[float] = []
        self.steps: list[float] = []
        self._mark = 0.0

    def _lap(self) -> float:
        memory.wait_for_device()
        now = time.perf_counter()
        seconds, self._mark = now - self._mark, now
        return seconds

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        self._lap()

    def on_substep_end(self, *args: Any, **kwargs: Any) -> None:
        self.batches.append(self._lap())

    def on_pre_optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        self.batches.append(self._lap())

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.steps.append(self._lap())


def probe(plan: Plan, folder: Path) -> Probed:
    """Make the steps here."""
    args = SftArguments.from_flat(plan.arguments)
    place = Path(args.data.cached_dataset)
    splits = {name: TokenDataset.open(place / name) for name in ("train", "validation") if (place / name).is_dir()}
    args = tasks.with_problem(args, splits["train"])
    model, template = load(args)
    output = str(folder / "run")
    changes: dict[str, Any] = {
        "output_dir": output, "max_steps": _STEPS, "gradient_accumulation_steps": plan.accumulation,
        "dataset_shuffle": False, "group_by_length": False, "save_strategy": "no", "eval_strategy": "no",
        "logging_steps": _STEPS + 1, "load_best_model_at_end": False,
        "deepspeed": None, "fsdp": None, "sequence_parallel_size": 1,  # one process makes the steps
    }  # fmt: skip
    hf = to_hf(
        args.to_flat() | changes, {name: value for name, value in args.hf.items() if name not in changes},
        output_dir=output, dtype=template.tokenizer.model_info.torch_dtype, validates=False,
    )  # fmt: skip
    model, _ = tune(args, plugin_view(hf), model, template)
    collate = tasks.collator(template, model)
    data = training_data(args, template, splits["train"], splits.get("validation"), collate)
    rows = _Chosen(data.train, [position for batch in plan.batches for position in batch])
    trainer = make_trainer(args, hf, model, template, TrainingData(rows, None, data.collate, data.joins_rows))
    watch = _Stopwatch()
    trainer.add_callback(watch)
    memory.reset_peak()
    base = memory.current_bytes()
    trainer.train()
    peak = memory.peak_bytes()
    return Probed(
        peak, base, watch.batches, watch.steps,
        _evaluation(trainer, data) if plan.evaluates else None,
        _save(trainer) if plan.saves else None,
    )  # fmt: skip


def _evaluation(trainer: Any, data: TrainingData) -> float:
    count = min(len(data.validation or ()), _EVALUATED * trainer.args.eval_batch_size)
    begin = time.perf_counter()
    trainer.evaluate(_Chosen(data.validation, range(count)))
    return (time.perf_counter() - begin) / -(-count // trainer.args.eval_batch_size)


def _save(trainer: Any) -> float | None:
    trained = sum(p.numel() * p.element_size() for p in trainer.model.parameters() if p.requires_grad)
    if 3 * trained > _LARGEST_SAVE:
        return None
    begin = time.perf_counter()
    trainer._save_checkpoint(trainer.model, None)
    return time.perf_counter() - begin


def main(words: Sequence[str]) -> None:
    """The process."""
    folder = Path(words[0])
    plan = Plan(**json.loads((folder / PLAN).read_text(encoding="utf-8")))
    write_atomic(folder / RESULT, json.dumps(asdict(probe(plan, folder))).encode())


if __name__ == "__main__":
    main(sys.argv[1:])
