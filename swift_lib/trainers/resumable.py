"""A Trainer whose checkpoints hold all that the rest of a run depends on."""

import logging
import time
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.trainer_callback import ExportableState, TrainerControl
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from swift_lib.core.errors import Interrupted, TrainingError
from swift_lib.core.seeding import derive_seed, seed_everything
from swift_lib.core.storage import delete
from swift_lib.trainers.means import Means
from swift_lib.trainers.running import Running

logger = logging.getLogger(__name__)


class EvaluationLeft(Interrupted):
    """A signal asked to stop in the middle of an evaluation."""


class ResumableTrainer(transformers.Trainer):
    """transformers' Trainer that goes on as if it had never stopped.

    What it leaves out of its checkpoints is added: the sums since the last log line, an evaluation that was broken off,
    the state of callbacks. A checkpoint is written once: what is complete is never written over.
    """

    control: TrainerControl

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.train_means = Means()
        self._start: Path | None = None  # the checkpoint that this run goes on from
        self._saved_step = -1  # whose checkpoint is in the output folder, complete
        self._owes_evaluation = False

    @property
    def mean_loss(self) -> float:
        """Mean training loss of all steps, those before a resume included; once training has ended."""
        return float(self._total_loss_scalar / max(1, self.state.global_step))

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """transformers divides the loss of all steps by the number of those since the start."""
        if "train_loss" in logs:
            logs["train_loss"] = self.mean_loss
        super().log(logs, *args, **kwargs)

    # -- saving ----------------------------------------------------------------------------------------------------

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        step, folder = (
            self.state.global_step,
            checkpoint_folder(Path(str(self.args.output_dir)), self.state.global_step),
        )
        if step != self._saved_step:
            if self.args.should_save and folder.exists():
                delete(str(folder))  # a damaged checkpoint, or one of another future
            self.accelerator.wait_for_everyone()
            super()._save_checkpoint(model, trial)
            self._running().write(folder, self.args.process_index)
            self.accelerator.wait_for_everyone()  # whoever describes the folder finds all processes' files in it
            self._saved_step = step
        self._find_best()

    def _running(self) -> Running:
        return Running(
            loss=self._tr_loss.item(),
            total_loss=self._total_loss_scalar,
            logged_step=self._globalstep_last_logged,
            means=self.train_means.sums(),
            owes_evaluation=self._owes_evaluation,
        )

    def _maybe_log_save_evaluate(self, tr_loss: Any, grad_norm: Any, model: Any, trial: Any, *args: Any, **kwargs: Any) -> None:  # fmt: skip  # noqa: E501
        """An evaluation that a signal breaks off is noted in the checkpoint, and made up for by whoever goes on."""
        try:
            super()._maybe_log_save_evaluate(tr_loss, grad_norm, model, trial, *args, **kwargs)
        except EvaluationLeft:
            self._owes_evaluation = True
            self._save_checkpoint(model, trial)
            self.control = self.callback_handler.on_save(self.args, self.state, self.control)
            self.control.should_log = self.control.should_evaluate = self.control.should_save = False
            self.control.should_training_stop = True

    # -- going on --------------------------------------------------------------------------------------------------

    def load_weights(self, checkpoint: Path) -> None:
        """Take the weights of a checkpoint, and nothing else."""
        self._load_from_checkpoint(str(checkpoint))

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train, or go on from a checkpoint exactly where it stood."""
        go_on = _GoOn(self)
        self.add_callback(go_on)  # behind all others: they have begun when it evaluates
        try:
            return super().train(*args, **kwargs)
        finally:
            self.remove_callback(go_on)

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        """A run that is over before its first step makes none: an early stop had ended it, or all steps are done."""
        if not self.control.should_training_stop and self.state.global_step < self.state.max_steps:
            super()._run_epoch(*args, **kwargs)

    def _init_training_state(self, max_steps: int, *args: Any, **kwargs: Any) -> tuple[int, int]:
        found = super()._init_training_state(max_steps, *args, **kwargs)
        start = kwargs.get("resume_from_checkpoint", args[2] if len(args) > 2 else None)
        self._start = Path(start) if start else None
        self._saved_step = -1
        if self._start is not None:
            # The Trainer keeps the checkpoint's intervals; those that are asked for now count.
            self.state.compute_steps(self.args, max_steps)
            self._restore_callbacks()
            self._find_best(self._start.parent)
            if self._start.parent.resolve() == Path(str(self.args.output_dir)).resolve():
                self._saved_step = self.state.global_step
        return found

    def _restore_callbacks(self) -> None:
        """Counters of callbacks, such as an early stop's patience; transformers would make the callbacks anew."""
        for callback in self.callback_handler.callbacks:
            stored = self.state.stateful_callbacks.get(type(callback).__name__)
            if isinstance(callback, ExportableState) and isinstance(stored, dict):
                for name, value in stored.get("attributes", {}).items():
                    setattr(callback, name, value)

    def _find_best(self, beside: Path | None = None) -> None:
        """The best checkpoint's folder: stored as a path, which may be another by now."""
        step = self.state.best_global_step
        if not step:
            return
        for folder in (Path(str(self.args.output_dir)), beside):
            if folder is not None and checkpoint_folder(folder, step).is_dir():
                self.state.best_model_checkpoint = str(checkpoint_folder(folder, step))
                return
        if beside is not None and self.args.load_best_model_at_end:
            raise TrainingError(
                f"The best checkpoint so far, of step {step}, is gone, and --load_best_model_at_end may need it",
                where=str(beside),
                fix=f"put checkpoint-{step} beside the one to go on from, or give --load_best_model_at_end false",
            )

    def _go_on(self) -> None:
        if self._start is None:
            return
        running = Running.read(self._start, self.args.process_index, self.args.world_size)
        if running is None:
            return
        self._tr_loss += running.loss
        self._total_loss_scalar = running.total_loss
        self._globalstep_last_logged = running.logged_step
        self.train_means.restore(running.means, self.args.device)
        if running.owes_evaluation:
            logger.info("making up for the evaluation of step %d", self.state.global_step)
            self.control.should_evaluate = True
            # Broken off again, it leaves the run at once: the checkpoint still says that it is owed.
            super()._maybe_log_save_evaluate(
                self._tr_loss, None, self.model_wrapped, None, self.state.epoch or 0.0, None, time.time()
            )

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """Each process's own; with another number of processes than before, new ones from seed, step and rank."""
        if checkpoint is None:
            return
        before = len(list(Path(checkpoint).glob("rng_state*.pth")))
        if before == self.args.world_size:
            super()._load_rng_state(checkpoint)
            return
        if self.is_world_process_zero():
            logger.info(
                "random numbers of %d processes follow from the seed and the step: the checkpoint has those of %d",
                self.args.world_size, before,
            )  # fmt: skip
        seed_everything(derive_seed(self.args.seed, "resume", self.state.global_step, self.args.process_index))


class _GoOn(transformers.TrainerCallback):
    """The one event between the Trainer's own setting to zero and the first step."""

    def __init__(self, trainer: ResumableTrainer) -> None:
        self._trainer = trainer

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Take up the running numbers."""
        self._trainer._go_on()


def checkpoint_folder(output_dir: Path, step: int) -> Path:
    """Where the Trainer writes the checkpoint of a step."""
    return output_dir / f"{PREFIX_CHECKPOINT_DIR}-{step}"


def trained_parameters(model: torch.nn.Module) -> dict[str, list[int]]:
    """Name to shape of every parameter that is trained; the whole one's where processes hold pieces of it."""
    found = {name: value for name, value in model.named_parameters() if value.requires_grad}
    return {name: list(getattr(value, "ds_shape", value.shape)) for name, value in found.items()}
