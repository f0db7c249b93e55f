"""What a loss is, and how a name becomes one."""

from collections.abc import Callable
from typing import Any

from swift_lib.loss.mapping import loss_map

Loss = Callable[..., Any]
"""(outputs, labels, *, num_items_in_batch, loss_scale) -> scalar tensor; labels and loss_scale (batch, length)."""


def make_loss(name: str, args: Any, trainer: Any) -> Loss:
    """The registered loss as the trainer calls it."""
    function = loss_map[name]

    def call(outputs: Any, labels: Any, *, num_items_in_batch: Any = None, loss_scale: Any = None) -> Any:
        return function(outputs.logits, labels, loss_scale=loss_scale, num_items_in_batch=num_items_in_batch)

    return call
