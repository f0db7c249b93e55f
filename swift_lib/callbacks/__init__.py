"""What happens at the events of training: the built-in callbacks, and the base of a plugin's."""

from swift_lib.callbacks.mapping import callbacks_map, extra_callbacks
from swift_lib.core.lazy import lazy_names

NAMES = {
    "TrainerCallback": "swift_lib.callbacks.base:TrainerCallback",
    "TrainerControl": "transformers:TrainerControl",
    "TrainerState": "transformers:TrainerState",
    "TrainingArguments": "transformers:TrainingArguments",
    "make_callbacks": "swift_lib.callbacks.base:make_callbacks",
}

__all__ = ["callbacks_map", "extra_callbacks", *NAMES]

__getattr__, __dir__ = lazy_names(__name__, NAMES)
