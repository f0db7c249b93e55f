"""Training loops: transformers' Trainer with our data, losses, checkpoints and reports."""

from swift_lib.core.lazy import lazy_names

NAMES = {
    "per_token_loss_func": "swift_lib.loss.causal_lm:per_token_loss_func",
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
