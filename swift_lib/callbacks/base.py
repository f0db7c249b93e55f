"""What a plugin file's `extra_callbacks` adds up to: every entry is attached to the trainer, with no flag."""

from typing import Any

extra_callbacks: list[Any] = []
"""transformers.TrainerCallback instances, or classes that are constructed without arguments."""
