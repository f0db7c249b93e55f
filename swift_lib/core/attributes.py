"""Values deep inside an object."""

from typing import Any


def deep_getattr(obj: Any, path: str, default: Any = None) -> Any:
    """What a dotted path leads to, through attributes and keys of dictionaries; `default` where it leads nowhere."""
    for part in path.split("."):
        obj = obj.get(part, _NOTHING) if isinstance(obj, dict) else getattr(obj, part, _NOTHING)
        if obj is _NOTHING or obj is None:
            return default
    return obj


_NOTHING = object()
