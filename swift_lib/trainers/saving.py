"""Each saved checkpoint is completed, copied to where a next machine finds it, and kept or not."""

from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from swift_lib.core.manifest import has_manifest
from swift_lib.trainers.checkpoint import Describe, prune, seal
from swift_lib.trainers.checkpoint_store import CheckpointStore
from swift_lib.trainers.resumable import checkpoint_folder
from swift_lib.trainers.resume import position


class CompleteCheckpoints(TrainerCallback):
    """Seal each checkpoint with its manifest once all of it is written, then drop those beyond the limit."""

    def __init__(self, limit: int | None, describe: Describe, store: CheckpointStore | None = None) -> None:
        self._limit, self._describe, self._store = limit, describe, store

    def on_save(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        train_dataloader: Any = None,
        **kwargs: Any,
    ) -> None:
        """Called after all processes wrote their last file."""
        if not state.is_world_process_zero:
            return
        folder = checkpoint_folder(Path(str(args.output_dir)), state.global_step)
        if not has_manifest(folder):
            at = position(state.global_step, len(train_dataloader), args)
            seal(folder, state.global_step, self._describe, {"position": at, "processes": args.world_size})
        if self._store is not None:
            self._store.put(folder, state.best_global_step)
        self.drop(args, state)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """What was still being copied at the last save may go now."""
        if state.is_world_process_zero:
            self.drop(args, state)

    def drop(self, args: TrainingArguments, state: TrainerState) -> None:
        """Delete the local checkpoints beyond the limit."""
        keep = (lambda path: True) if self._store is None else self._store.release
        prune(Path(str(args.output_dir)), self._limit, state.best_global_step, keep)
