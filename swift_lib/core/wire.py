"""Requests and responses to JSON and back."""

import types
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

W = TypeVar("W")


def to_dict(value: Any, *, skip_none: bool = True) -> dict[str, Any]:
    """A request or response as JSON-ready dicts; fields that are None are left out unless asked for."""
    return asdict(value, dict_factory=lambda pairs: {k: v for k, v in pairs if not (skip_none and v is None)})


def from_dict(cls: type[W], data: dict[str, Any]) -> W:
    """Build a request or response, nested objects included, from parsed JSON; other servers' extra fields are ignored.

    Raises TypeError if a required field is missing.
    """
    key: Any = cls
    hints = _hints(key)
    return cls(**{name: _build(hints[name], value) for name, value in data.items() if name in hints})


@cache
def _hints(cls: Any) -> dict[str, Any]:
    assert is_dataclass(cls)
    hints = get_type_hints(cls)
    return {spec.name: hints[spec.name] for spec in fields(cls) if spec.init}


def _build(hint: Any, value: Any) -> Any:
    if is_dataclass(hint) and isinstance(hint, type) and isinstance(value, dict):
        return from_dict(hint, value)
    if get_origin(hint) is list and isinstance(value, list):
        return [_build(get_args(hint)[0], item) for item in value]
    if get_origin(hint) in (Union, types.UnionType):
        for choice in get_args(hint):
            built = _build(choice, value)
            if built is not value:
                return built
    return value
