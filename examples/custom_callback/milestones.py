"""The callback `milestones`: a checkpoint whenever the loss has halved."""

from typing import Any

from swift_lib.callbacks import TrainerCallback, TrainerControl, TrainerState, TrainingArguments, callbacks_map


class Milestones(TrainerCallback):
    """`self.args` are the command's arguments by flat name, `self.trainer` is the live trainer."""

    def __init__(self, args: Any, trainer: Any) -> None:
        super().__init__(args, trainer)
        self.next = 0.0

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> TrainerControl:
        """Compare each logged loss; the first one sets the mark."""
        loss = (logs or {}).get("loss")
        if loss is None:
            return control
        if not self.next:
            self.next = loss / 2
        elif loss <= self.next:
            print(f"step {state.global_step} of {self.args.max_steps}: the loss has halved to {loss:.2f}")
            self.next = loss / 2
            control.should_save = True
        return control


callbacks_map["milestones"] = Milestones
