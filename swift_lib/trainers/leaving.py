"""Leaving a training of ours well after a signal."""

import signal
from typing import Any

from transformers import TrainerControl, TrainerState, TrainingArguments

from swift_lib.callbacks.graceful_exit import GracefulExitCallback
from swift_lib.core.signals import StopFlag
from swift_lib.trainers.resumable import EvaluationLeft


class LeaveOnSignal(GracefulExitCallback):
    """Finish the step, save a checkpoint, stop; break off an evaluation.

    A checkpoint at the last step of an epoch is put off until the epoch has ended, so that what is logged and evaluated
    there is in it.
    """

    def __init__(self, flag: StopFlag) -> None:
        super().__init__(flag=flag)
        self._stop = flag
        self._puts_off = False

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Nothing is lost by leaving before the first step."""
        super().on_train_begin(args, state, control, **kwargs)
        if self._agreed():
            self._stop.check()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Ask the Trainer for a checkpoint, and to stop."""
        control = super().on_step_end(args, state, control, **kwargs)
        self._puts_off = control.should_save and _ends_epoch(state)
        if self._puts_off:
            control.should_save = False
        return control

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Leave with the checkpoint that has just been written, not after one more step."""
        self._leaving = self._leaving or self._agreed()
        if self._leaving:
            control.should_training_stop = True
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
            raise EvaluationLeft(self._stop.signum or signal.SIGTERM)


def _ends_epoch(state: TrainerState) -> bool:
    return state.epoch is not None and float(state.epoch).is_integer()
