"""The import path of the 3.x documents (`swift.utils`): the same objects, nothing of its own."""

from swift_lib.core.lazy import lazy_names

NAMES = {
    "seed_everything": "swift_lib.core.seeding:seed_everything",
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
