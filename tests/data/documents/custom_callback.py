# Architecture Introduction, section "Callbacks", the block. See NOTICE.
# ruff: noqa
# fmt: off
from swift_lib.callbacks import TrainerCallback, TrainerControl, TrainerState, TrainingArguments, callbacks_map


class CustomCallback(TrainerCallback):

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs):
        # Doing something when the training begins.
        pass

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs):
        # Doing something when save checkpoint
        pass


callbacks_map['custom'] = CustomCallback
