"""What a plugin file's `extra_callbacks` adds up to: every entry is attached to the trainer, with no flag."""

from collections.abc import Iterable
from typing import Any

from swift_lib.callbacks.mapping import callbacks_map

extra_callbacks: list[Any] = []
"""transformers.TrainerCallback instances, or classes that are constructed without arguments."""


def make_callbacks(names: Iterable[str], args: Any, trainer: Any) -> list[Any]:
    """The named callbacks and those of `extra_callbacks`, made."""
    own = [callbacks_map[name](args, trainer) for name in names]
    return own + [entry() if isinstance(entry, type) else entry for entry in extra_callbacks]
