"""The names of the callbacks that plugins add."""

from typing import Any

from swift_lib.core.registry import Registry

callbacks_map: Registry[Any] = Registry("callback", table={})
