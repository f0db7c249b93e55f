"""Leave well when the platform says so: finish the step, save, stop, all processes at the same step."""

from contextlib import ExitStack
from typing import Any

import torch
from transformers import TrainerControl, TrainerState, TrainingArguments

from swift_lib.callbacks.base import TrainerCallback
from swift_lib.core.signals import StopFlag, current_flag, stop_flag


class GracefulExitCallback(TrainerCallback):
    """After SIGTERM, SIGINT or SIGHUP in any process: a checkpoint at the end of the step, and no further step.

    A signal may reach one process only, or several at different steps, while saving is something that all do together:
    so the processes agree after each step. They do so over gloo, on the CPU, which does not wait for what a GPU still
    has to compute.

    flag: set by whoever listens to signals. None: signals are listened to here while training runs, except inside a
    command of ours, which leaves like this whether or not it is asked to.
    """

    def __init__(self, args: Any = None, trainer: Any = None, *, flag: StopFlag | None = None) -> None:
        super().__init__(args, trainer)
        self._given, self._flag = flag, flag
        self._group: Any = None
        self._leaving = False
        self._listening = ExitStack()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Listen, and open the channel between the processes."""
        self._leaving = False
        if self._given is None:
            self._flag = None
            if current_flag() is not None:
                return
            self._flag = self._listening.enter_context(stop_flag())
            self._listening.enter_context(self._flag.held())
        if self._group is None and torch.distributed.is_available() and torch.distributed.is_initialized():
            self._group = torch.distributed.new_group(backend="gloo")

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Ask the Trainer for a checkpoint, and to stop."""
        self._leaving = self._leaving or self._agreed()
        if self._leaving:
            control.should_save = control.should_training_stop = True
        return control

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Stop listening."""
        self._listening.close()

    def _agreed(self) -> bool:
        """Whether a signal has arrived in any process; sets the flag in all of them. Every process must ask."""
        if self._flag is None:
            return False
        if self._group is not None:
            wanted = torch.tensor(self._flag.signum or 0)
            torch.distributed.all_reduce(wanted, torch.distributed.ReduceOp.MAX, group=self._group)
            if int(wanted) and not self._flag:
                self._flag.set(int(wanted))
        return bool(self._flag)
