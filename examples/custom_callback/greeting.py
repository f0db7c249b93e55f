"""A callback that needs no flag, in the form of the 3.0 documents: an instance in `extra_callbacks`."""

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class Greeting(TrainerCallback):
    """Says when training begins, and of how much it is."""

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """`args` are transformers', and answer our names as well."""
        print(f"{state.max_steps} steps of {args.tuner_type} training begin")


extra_callbacks = [Greeting()]
