"""The import path of the 3.x documents (`swift.plugin.callback`): the same objects, nothing of its own."""

from swift_lib.core.lazy import lazy_names

NAMES = {
    "EarlyStopCallback": "swift_lib.callbacks.early_stop:EarlyStopCallback",
    "TrainerCallback": "swift_lib.callbacks.base:TrainerCallback",
    "TrainerControl": "transformers:TrainerControl",
    "TrainerState": "transformers:TrainerState",
    "TrainingArguments": "transformers:TrainingArguments",
    "callbacks_map": "swift_lib.callbacks.mapping:callbacks_map",
    "extra_callbacks": "swift_lib.callbacks.mapping:extra_callbacks",
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
