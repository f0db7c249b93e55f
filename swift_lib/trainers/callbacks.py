"""What happens around our training steps: reports, complete checkpoints, leaving when told to."""

import logging
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from swift_lib.core.progress import Progress
from swift_lib.core.signals import StopFlag
from swift_lib.core.tracking import Tracker
from swift_lib.trainers.base import checkpoint_folder
from swift_lib.trainers.checkpoint import Describe, prune, seal

logger = logging.getLogger(__name__)

# Of the whole run or of no use while it goes on: the stage's own metrics tell them.
_TOTALS = ("train_runtime", "train_samples_per_second", "train_steps_per_second", "total_flos")
# Tracked, and left out of the line that a person reads.
_UNSAID = ("num_input_tokens_seen", "eval_runtime", "eval_samples_per_second", "eval_steps_per_second")


class Report(TrainerCallback):
    """Every logged number goes to tracking and to one line of the log; a bar shows how far the run is."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._progress: Progress | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Show the bar, already at a resumed run's step."""
        self._progress = Progress(state.max_steps, "train", "step")
        self._progress.__enter__()
        if state.global_step:
            self._progress.set(state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Move the bar."""
        if self._progress is not None:
            self._progress.set(state.global_step)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Close the bar."""
        self.close()

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Send the numbers on."""
        shown = {name: value for name, value in (logs or {}).items() if name not in _TOTALS}
        if not shown or not state.is_world_process_zero:
            return
        self._tracker.metrics(shown, step=state.global_step)
        text = "  ".join(f"{name} {value:.4g}" for name, value in shown.items() if name not in _UNSAID)
        logger.info("step %d/%d  %s", state.global_step, state.max_steps, text)

    def close(self) -> None:
        """End the bar, also where training failed."""
        if self._progress is not None:
            self._progress.__exit__(None, None, None)
            self._progress = None


class CompleteCheckpoints(TrainerCallback):
    """Seal each checkpoint with its manifest once all of it is written, then drop those beyond the limit."""

    def __init__(self, limit: int | None, checkpoint_uri: str, describe: Describe) -> None:
        self._limit, self._uri, self._describe = limit, checkpoint_uri, describe

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Called after the Trainer wrote the last file."""
        if not state.is_world_process_zero:
            return
        output_dir = Path(str(args.output_dir))
        seal(checkpoint_folder(output_dir, state.global_step), state.global_step, self._describe, self._uri)
        best = Path(state.best_model_checkpoint) if state.best_model_checkpoint else None
        prune(output_dir, self._limit, best)


class LeaveOnSignal(TrainerCallback):
    """After a signal: finish the step, save a checkpoint, stop."""

    def __init__(self, flag: StopFlag) -> None:
        self._flag = flag

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Ask the Trainer for both."""
        if self._flag:
            control.should_save = control.should_training_stop = True
            control.should_evaluate = False
        return control
