"""Stop when checkpoints no longer get better."""

import logging
from typing import Any

from transformers import TrainerControl, TrainerState, TrainingArguments

from swift_lib.callbacks.base import TrainerCallback
from swift_lib.core.errors import ArgumentError, TrainingError

logger = logging.getLogger(__name__)

_KEY = "early_stop"  # in trainer_state.json
_DEFAULT = 3  # of the 3.x class, where a plugin file makes an instance by itself


class EarlyStopCallback(TrainerCallback):
    """Stop after `early_stop_interval` checkpoints in a row without a better `metric_for_best_model`.

    A checkpoint counts if an evaluation came before it and after the last that counted, so that one written because
    of a signal changes nothing. The count is kept in the checkpoint's trainer_state.json.
    """

    def __init__(self, args: Any = None, trainer: Any = None, *, total_interval: int | None = None) -> None:
        super().__init__(args, trainer)
        self.total_interval: int = total_interval or getattr(args, "early_stop_interval", None) or _DEFAULT
        self.best_metric: float | None = None
        self.count = 0
        self._improved = self._measured = False
        self._seen: list[str] = []
        self._start = -1

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Go on counting where the checkpoint left off."""
        if args.eval_strategy == "no":
            raise ArgumentError(
                ["--early_stop_interval: there are no evaluations; give --val_dataset or --split_dataset_ratio"]
            )
        self._start = state.global_step
        kept = state.stateful_callbacks.get(_KEY) if state.global_step else None
        if kept:
            self.best_metric, self.count, self._improved, self._measured = (
                kept["attributes"][name] for name in ("best_metric", "count", "improved", "measured")
            )
            # The state is written in front of the event: this checkpoint has not been counted in it.
            self.on_save(args, state, control)
        return control

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> TrainerControl:
        """Compare with the best so far."""
        key, greater = _metric(args)
        self._seen = sorted(metrics or {})
        if key not in self._seen:
            return control
        value = float((metrics or {})[key])
        if self.best_metric is None or (value > self.best_metric if greater else value < self.best_metric):
            self.best_metric, self._improved = value, True
        self._measured = True
        self._keep(state)
        # An evaluation that a signal broke off is made up for after the checkpoint that it belongs to.
        made_up = state.global_step == self._start > 0
        return self.on_save(args, state, control) if made_up and _saves(args, state) else control

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> TrainerControl:
        """Count, and stop when there were enough."""
        if self._seen and self.best_metric is None:
            key = _metric(args)[0]
            raise TrainingError(
                f"early_stop: no evaluation gave {key}; there are {', '.join(self._seen)}",
                fix="name one of them with --metric_for_best_model",
            )
        if self._measured:
            self.count = 0 if self._improved else self.count + 1
            self._improved = self._measured = False
            self._keep(state)
        if self.count >= self.total_interval:
            logger.info("early stop: %d checkpoints without an improvement on %s", self.count, self.best_metric)
            control.should_training_stop = True
        return control

    def _keep(self, state: TrainerState) -> None:
        attributes = {
            "best_metric": self.best_metric,
            "count": self.count,
            "improved": self._improved,
            "measured": self._measured,
        }
        state.stateful_callbacks[_KEY] = {"args": {}, "attributes": attributes}


def _saves(args: TrainingArguments, state: TrainerState) -> bool:
    """Whether a checkpoint belongs to this step, signal or not."""
    if args.save_strategy == "steps":
        return bool(state.global_step % state.save_steps == 0)
    return args.save_strategy == "epoch" and float(state.epoch or 0).is_integer()


def _metric(args: TrainingArguments) -> tuple[str, bool]:
    """Name in an evaluation's results, and whether more of it is better."""
    name = args.metric_for_best_model or "loss"
    greater = args.greater_is_better if args.greater_is_better is not None else not name.endswith("loss")
    return name if name.startswith("eval_") else f"eval_{name}", bool(greater)
