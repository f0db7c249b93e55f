"""Flat, read-only arguments for plugins, whose documented interfaces take `args`."""

from collections.abc import Iterator, Mapping
from typing import Any


class FlatView:
    """Attribute access to a mapping of flat names (`args.lora_rank`); assignment is refused."""

    __slots__ = ("_values",)
    _values: Mapping[str, Any]

    def __init__(self, values: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_values", dict(values))

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"there is no argument {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"arguments are read-only: give --{name} on the command line instead of setting it")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)
