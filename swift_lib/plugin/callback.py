"""The import path of the 3.x documents (`swift.plugin.callback`): the same objects, nothing of its own."""

from swift_lib.core.lazy import lazy_names

NAMES = {
    "callbacks_map": "swift_lib.callbacks.mapping:callbacks_map",
    "extra_callbacks": "swift_lib.callbacks.base:extra_callbacks",
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
