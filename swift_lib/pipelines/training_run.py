"""One training from where it stands to its end: start or go on, train, publish, leave in good order after a signal."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from swift_lib.core.distributed import ALONE, Processes
from swift_lib.core.errors import Interrupted
from swift_lib.core.manifest import read_manifest
from swift_lib.core.outputs import disk_errors
from swift_lib.core.signals import StopFlag
from swift_lib.core.tracking import Tracker
from swift_lib.pipelines.starting_point import Run, Start, best_step, find_start
from swift_lib.trainers.checkpoint import Describe, remove_incomplete
from swift_lib.trainers.checkpoint_store import CheckpointStore
from swift_lib.trainers.leaving import LeaveOnSignal
from swift_lib.trainers.resume import STARTED_FROM, TRAINED_ON, position
from swift_lib.trainers.running import Running
from swift_lib.trainers.saving import CompleteCheckpoints

logger = logging.getLogger(__name__)

_OF_SPEED = ("_runtime", "_per_second", "_time")


class TrainingRun:
    """Makes `trainer` go on from where an earlier try stopped, and its checkpoints something to go on from.

    trained_on: what decides which rows come when; describe: completes a folder of saved weights.
    """

    def __init__(
        self,
        args: Any,
        trainer: Any,
        flag: StopFlag,
        folder: Path,
        trained_on: Mapping[str, Any],
        describe: Describe,
        processes: Processes = ALONE,
    ) -> None:
        self._args, self._trainer, self._flag, self._folder = args, trainer, flag, folder
        self._processes = processes
        batches = len(trainer.get_train_dataloader())
        run = Run(args, folder, trained_on, lambda step: position(step, batches, trainer.args))
        found = processes.from_first("start", find_start(run).plain() if processes.is_first else None)
        self.start = Start.of(found)
        uri, limit = args.train.checkpoint_uri, args.train.save_total_limit
        copies = uri and processes.is_first
        self._store = (
            CheckpointStore(uri, limit, adopted=self.start.adopted, damaged=self.start.damaged) if copies else None
        )
        facts = {TRAINED_ON: dict(trained_on), STARTED_FROM: self.start.origin}
        self._saves = CompleteCheckpoints(limit, partial(_described, describe, facts), self._store)
        # After all others, so that what those ask for is known.
        for callback in (LeaveOnSignal(flag), self._saves):
            trainer.add_callback(callback)

    def train(self, tracker: Tracker) -> dict[str, float]:
        """Train to the end; the run's figures. Raises Interrupted after a signal."""
        start = self.start.checkpoint
        if start is not None and self.start.weights_only:
            self._trainer.load_weights(start)
            start = None
        if start is None:
            tracker.rewind(-1)
        else:
            left = Running.read(start, 0, 1)
            owes = left is not None and left.owes_evaluation
            step = read_manifest(start)["step"]
            tracker.rewind(step, owes_evaluation=owes)
            if self._store is not None and step not in self.start.adopted and start.parent == self._folder:
                self._store.put(start, best_step(start))  # an earlier try ended before its copy did
        try:
            with disk_errors(str(self._folder)), self._flag.held():
                result = self._trainer.train(resume_from_checkpoint=None if start is None else str(start))
            self._flag.check()
        except Interrupted:
            self._remove_incomplete()
            if self._store is not None:
                self._store.leave(self._args.train.checkpoint_grace - self._flag.seconds)
            raise
        except Exception:
            self._remove_incomplete()  # a save that failed half-way, say on a full disk, must not look like one
            raise
        return figures(self._trainer, result)

    def _remove_incomplete(self) -> None:
        if self._processes.is_first:
            remove_incomplete(self._folder)

    def publish(self, final: Path) -> dict[str, float]:
        """See the newest checkpoint and the final weights to `checkpoint_uri`; how many copies failed on the way."""
        if self._store is None:
            return {}
        self._store.finish(final)
        self._saves.drop(self._trainer.args, self._trainer.state)
        return {"failed_uploads": float(self._store.failures)}


def _described(
    describe: Describe, facts: Mapping[str, Any], stage: str, step: int, folder: Path, more: Mapping[str, Any]
) -> None:
    describe(stage, step, folder, {**facts, **more})


def figures(trainer: Any, result: Any) -> dict[str, float]:
    """What became of a training, by name. Losses are of the whole run, times of what was trained since the start."""
    history = trainer.state.log_history
    losses = [entry["loss"] for entry in history if "loss" in entry]
    validation = [entry["eval_loss"] for entry in history if "eval_loss" in entry]
    metrics = {
        "steps": float(trainer.state.global_step),
        "train_loss": trainer.mean_loss,
        "train_seconds": float(result.metrics["train_runtime"]),
        "rows_per_second": float(result.metrics["train_samples_per_second"]),
        "tokens": float(trainer.state.num_input_tokens_seen),
    }
    if losses:
        metrics |= {"first_loss": losses[0], "last_loss": losses[-1]}
    if validation:
        metrics |= {"first_eval_loss": validation[0], **_last_evaluation(history)}
    return metrics


def _last_evaluation(history: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The loss and the metrics of the last evaluation."""
    last = next(entry for entry in reversed(history) if "eval_loss" in entry)
    measured = {name: float(value) for name, value in last.items() if name.startswith("eval_")}
    return {name: value for name, value in measured.items() if not name.endswith(_OF_SPEED)}
