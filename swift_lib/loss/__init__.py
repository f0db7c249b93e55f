"""Losses by name: `--loss_type`."""

from swift_lib.core.lazy import lazy_names
from swift_lib.loss.base import BaseLoss, get_loss_func, register_loss_func
from swift_lib.loss.mapping import LOSS_MAPPING, loss_map, loss_mapping

__all__ = ["LOSS_MAPPING", "BaseLoss", "get_loss_func", "loss_map", "loss_mapping", "register_loss_func"]

NAMES = {
    "CustomCrossEntropyLoss": "swift_lib.loss.causal_lm:CustomCrossEntropyLoss",
    "per_token_loss_func": "swift_lib.loss.causal_lm:per_token_loss_func",
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
