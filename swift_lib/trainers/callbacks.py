"""What happens around our training steps: complete checkpoints, leaving when told to."""

from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from swift_lib.core.signals import StopFlag
from swift_lib.trainers.base import checkpoint_folder
from swift_lib.trainers.checkpoint import Describe, prune, seal


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
