"""What a person sees of a training run: a line of numbers at each logging step, a bar, curves while it goes on."""

import logging
import math
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from swift_lib.core.progress import Outlook, Progress, left_text, seconds_text
from swift_lib.core.tracking import Tracker
from swift_lib.trainers.clock import NEVER, Interval, StepClock
from swift_lib.trainers.forecast import STEPS, Forecaster, judged, told
from swift_lib.trainers.memory import GIB, peak_bytes, reset_peak, wait_for_device

logger = logging.getLogger(__name__)

# Of the whole run or of no use while it goes on (the stage's own metrics tell them), or told here in a better way:
# transformers' tokens a second count the time of evaluations and saves.
_LEFT_OUT = (
    "train_runtime", "train_samples_per_second", "train_steps_per_second", "train_tokens_per_second", "total_flos",
)  # fmt: skip
# Tracked, and left out of the line that a person reads.
_UNSAID = ("num_input_tokens_seen", "eval_runtime", "eval_samples_per_second", "eval_steps_per_second")
_LINE_SECONDS = 30.0  # of a log, between two lines about steps where logging steps are far apart


class Report(TrainerCallback):
    """Every logged number goes to tracking and to one line of the log; a bar shows how far the run is.

    Beside the trainer's numbers: tokens_per_second (trained, without padding, over all processes, since the last line),
    seconds_per_step (recent), memory_gib (the peak of this process while training), elapsed_seconds and
    remaining_seconds. Times are of this run: after a resume, what was trained before does not count. Attach it as the
    last callback, so that the time of a save is that of everything that happens at a save.

    forecaster: tells from the first steps what the run will take; the log says it, and at the end how right it was.
    """

    def __init__(self, tracker: Tracker, forecaster: Forecaster | None = None) -> None:
        self._tracker, self._forecaster = tracker, forecaster
        self._progress: Progress | None = None
        self.clock = StepClock()
        self.evaluation_seconds: float | None = None
        """What one evaluation is thought to take, before one was seen; None: nobody knows."""
        self.save_seconds: float | None = None
        self._first_token = self._tokens = self._logged_tokens = self._logged_steps = 0
        self._evaluations = self._saves = NEVER

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Show the bar, already at a resumed run's step."""
        self._first_token = self._tokens = self._logged_tokens = state.num_input_tokens_seen
        epoch_steps = math.ceil(len(kwargs["train_dataloader"]) / args.gradient_accumulation_steps)
        self._evaluations = _interval(args.eval_strategy, state.eval_steps, epoch_steps)
        self._saves = _interval(args.save_strategy, state.save_steps, epoch_steps)
        self._progress = Progress(
            state.max_steps, "train", "steps", done=state.global_step, outlook=lambda: self._outlook(state),
            line_seconds=_LINE_SECONDS,
        )  # fmt: skip
        self._progress.__enter__()
        reset_peak()
        if self._forecaster is not None:
            self._forecaster.start(state.global_step)
        self.clock.start()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Move the bar; after the first steps, tell what is to come."""
        if len(self.clock.steps) < STEPS:
            wait_for_device()
        self.clock.step()
        self._foretell(kwargs.get("optimizer"), state.max_steps)
        self._tokens = state.num_input_tokens_seen
        if self._progress is not None:
            self._progress.set(state.global_step)

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Note what the evaluation took."""
        self.clock.evaluation()

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Note what the save took."""
        self.clock.save()

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
        shown = {name: value for name, value in (logs or {}).items() if name not in _LEFT_OUT}
        if not shown or not state.is_world_process_zero:
            return
        outlook = self._outlook(state)
        own = self._numbers(state, outlook) if "loss" in shown else {}
        if own and state.log_history:
            state.log_history[-1].update(own)
        share = state.global_step / state.max_steps
        place = {"max_steps": state.max_steps, "percent": round(100 * share, 2)}
        self._tracker.metrics({**shown, **own}, step=state.global_step, beside=place)
        words = [f"step {state.global_step}/{state.max_steps} ({share:.0%})"]
        words += [f"{name} {value:.4g}" for name, value in shown.items() if name not in _UNSAID]
        logger.info("%s", "  ".join([*words, *_texts(own, outlook)]))
        if self._progress is not None:
            self._progress.told()

    def close(self) -> None:
        """End the bar, also where training failed."""
        if self._progress is not None:
            self._progress.__exit__(None, None, None)
            self._progress = None

    def figures(self) -> dict[str, float]:
        """Of the whole run: tokens a second of its steps (not of evaluations and saves), peak memory."""
        seconds = sum(self.clock.steps)
        speed = {"tokens_per_second": (self._tokens - self._first_token) / seconds} if seconds else {}
        return {**speed, "peak_memory_gib": peak_bytes() / GIB}

    def judge(self, seconds: float) -> dict[str, float]:
        """How right the forecast was, said and as figures. seconds: what the training took."""
        forecast = self._forecaster.forecast if self._forecaster is not None else None
        if forecast is None:
            return {}
        words, figures = judged(forecast, seconds, peak_bytes())
        logger.info("%s", words)
        return figures

    def _foretell(self, optimizer: Any, total: int) -> None:
        if self._forecaster is None:
            return
        forecast = self._forecaster.step(self.clock, optimizer, total, evaluations=self._evaluations, saves=self._saves)
        if forecast is not None:
            self.evaluation_seconds, self.save_seconds = forecast.times.evaluation, forecast.times.save
            logger.info("%s", told(forecast))

    def _outlook(self, state: TrainerState) -> Outlook:
        return self.clock.outlook(
            state.global_step, state.max_steps, self._evaluations, self._saves,
            evaluation_seconds=self.evaluation_seconds, save_seconds=self.save_seconds,
        )  # fmt: skip

    def _numbers(self, state: TrainerState, outlook: Outlook) -> dict[str, float]:
        tokens, self._logged_tokens = self._tokens - self._logged_tokens, self._tokens
        seconds = sum(self.clock.steps[self._logged_steps :])
        self._logged_steps = len(self.clock.steps)
        numbers = {
            "tokens_per_second": tokens / seconds if tokens and seconds else None,
            "seconds_per_step": outlook.each,
            "memory_gib": peak_bytes() / GIB,
            "elapsed_seconds": self.clock.elapsed,
            "remaining_seconds": None if outlook.at_least else outlook.left,
        }
        return {name: value for name, value in numbers.items() if value is not None}


def _texts(own: dict[str, float], outlook: Outlook) -> list[str]:
    """The derived numbers as one reads them."""
    if not own:
        return []
    found = [f"{own['tokens_per_second']:,.0f} tokens/s"] if "tokens_per_second" in own else []
    if "seconds_per_step" in own:
        found.append(f"{own['seconds_per_step']:.3g} s/step")
    found.append(f"{own['memory_gib']:.2f} GiB")
    return [*found, ", ".join(filter(None, [f"{seconds_text(own['elapsed_seconds'])} gone", left_text(outlook)]))]


def _interval(strategy: Any, steps: int, epoch_steps: int) -> Interval:
    """transformers' strategy (no, steps, epoch) as an interval."""
    name = str(getattr(strategy, "value", strategy))
    return {"steps": Interval(steps=steps), "epoch": Interval(epoch_steps=epoch_steps)}.get(name, NEVER)
