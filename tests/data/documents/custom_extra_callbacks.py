# Pluginization, the first section, on callbacks: both blocks. See NOTICE.
# ruff: noqa
# fmt: off
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class CustomCallback(TrainerCallback):

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs):
        # Doing something when the training begins.
        pass

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs):
        # Doing something when save checkpoint
        pass


extra_callbacks = [CustomCallback()]
