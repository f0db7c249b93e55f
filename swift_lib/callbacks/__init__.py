"""Callbacks that plugins add to the trainer."""

from swift_lib.callbacks.base import extra_callbacks
from swift_lib.callbacks.mapping import callbacks_map

__all__ = ["callbacks_map", "extra_callbacks"]
