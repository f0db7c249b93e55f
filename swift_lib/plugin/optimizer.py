"""The import path of the 3.x documents (`swift.plugin.optimizer`): the same objects, nothing of its own."""

from swift_lib.core.lazy import lazy_names

NAMES = {
    "MultimodalOptimizerCallback": "swift_lib.optimizers.multimodal:MultimodalOptimizerCallback",
    "OptimizerCallback": "swift_lib.optimizers.base:OptimizerCallback",
    "optimizers_map": "swift_lib.optimizers.mapping:optimizers_map",
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
