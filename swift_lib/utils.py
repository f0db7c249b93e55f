"""The import path of the 3.x documents (`swift.utils`): the same objects, nothing of its own."""

from swift_lib.core.lazy import lazy_names

NAMES = {
    "deep_getattr": "swift_lib.core.attributes:deep_getattr",
    "find_all_linears": "swift_lib.tuner_plugin.targets:find_all_linears",
    "get_logger": "swift_lib.core.logs:get_logger",
    "get_multimodal_target_regex": "swift_lib.tuner_plugin.targets:get_multimodal_target_regex",
    "seed_everything": "swift_lib.core.seeding:seed_everything",
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
