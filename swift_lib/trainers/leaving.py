"""Leaving a training well after a signal, all processes at the same step."""

import signal
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from swift_lib.core.signals import StopFlag
from swift_lib.trainers.resumable import EvaluationLeft


class LeaveOnSignal(TrainerCallback):
    """After a signal: finish the step, save a checkpoint, stop; break off an evaluation.

    A signal may reach one process only, or several at different steps, while saving is something that all do together:
    so the processes agree after each step and each batch of an evaluation. They do so over gloo, on the CPU, which does
    not wait for what a GPU still has to compute.

    A checkpoint at the last step of an epoch is put off until the epoch has ended, so that what is logged and evaluated
    there is in it.
    """

    def __init__(self, flag: StopFlag) -> None:
        self._flag = flag
        self._group: Any = None
        self._leaving = self._puts_off = False

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Nothing is lost by leaving before the first step."""
        if self._group is None and torch.distributed.is_available() and torch.distributed.is_initialized():
            self._group = torch.distributed.new_group(backend="gloo")
        if self._agreed():
            self._flag.check()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Ask the Trainer for a checkpoint, and to stop."""
        self._leaving = self._leaving or self._agreed()
        if self._leaving:
            control.should_save = control.should_training_stop = True
        self._puts_off = control.should_save and _ends_epoch(state)
        if self._puts_off:
            control.should_save = False
        return control

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """The end of an epoch that is not one, since it is left, asks for nothing."""
        if self._puts_off:
            control.should_save = True
        elif self._leaving and not _ends_epoch(state) and state.global_step < state.max_steps:
            control.should_log = control.should_evaluate = control.should_save = False
        self._puts_off = False
        return control

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Raise EvaluationLeft after a signal."""
        self._leaving = self._leaving or self._agreed()
        if self._leaving:
            raise EvaluationLeft(self._flag.signum or signal.SIGTERM)

    def _agreed(self) -> bool:
        """Whether a signal has arrived in any process; sets the flag in all of them. Every process must ask."""
        if self._group is not None:
            wanted = torch.tensor(self._flag.signum or 0)
            torch.distributed.all_reduce(wanted, torch.distributed.ReduceOp.MAX, group=self._group)
            if int(wanted) and not self._flag:
                self._flag.set(int(wanted))
        return bool(self._flag)


def _ends_epoch(state: TrainerState) -> bool:
    return state.epoch is not None and float(state.epoch).is_integer()
