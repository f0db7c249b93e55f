"""The names of the optimizers that plugins add."""

from typing import Any

from swift_lib.core.registry import Registry

optimizers_map: Registry[Any] = Registry("optimizer", table={})
