"""The import path of the 3.x documents (`swift.plugin.loss`): the same objects, nothing of its own."""

from swift_lib.core.lazy import lazy_names

NAMES = {
    "loss_map": "swift_lib.loss.mapping:loss_map",
    "loss_mapping": "swift_lib.loss.mapping:loss_map",
    "LOSS_MAPPING": "swift_lib.loss.mapping:loss_map",
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
