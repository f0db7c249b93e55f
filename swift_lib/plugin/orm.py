"""The import path of the 3.x documents (`swift.plugin.orm`): the same objects, nothing of its own."""

from swift_lib.core.lazy import lazy_names

NAMES = {
    "ORM": "swift_lib.rewards.base:ORM",
    "AsyncORM": "swift_lib.rewards.base:AsyncORM",
    "orms": "swift_lib.rewards.mapping:orms",
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
