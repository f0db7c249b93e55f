"""The import path of the 3.x documents (`swift.plugin.loss`): the same objects, nothing of its own."""

from swift_lib.core.lazy import lazy_names

NAMES = {
    "BaseLoss": "swift_lib.loss.base:BaseLoss",
    "register_loss_func": "swift_lib.loss.base:register_loss_func",
    "get_loss_func": "swift_lib.loss.base:get_loss_func",
    "CustomCrossEntropyLoss": "swift_lib.loss.causal_lm:CustomCrossEntropyLoss",
    "per_token_loss_func": "swift_lib.loss.causal_lm:per_token_loss_func",
    "loss_map": "swift_lib.loss.mapping:loss_map",
    "loss_mapping": "swift_lib.loss.mapping:loss_map",
    "LOSS_MAPPING": "swift_lib.loss.mapping:loss_map",
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
