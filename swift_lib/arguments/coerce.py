"""Turning what a person, a YAML file or KFP hands over into the declared type, or saying why not."""

import json
import math
import types
import typing
from typing import Any

_TRUE = {"true", "yes", "on", "1"}
_FALSE = {"false", "no", "off", "0"}
# Beyond this a double no longer holds every integer, so a float from KFP may be another number than was meant.
_LAST_EXACT = 2**53


class Mismatch(ValueError):
    """The value is not of the declared type; the text says what was expected."""


def coerce(value: Any, declared: Any) -> Any:
    """`value` as `declared` (bool, int, float, str, list[T], dict[K, V], a union of them, Any); Mismatch if it is not.

    Text is read as the command line writes it (numbers, true/false, JSON for lists and dicts). A float that is a
    whole number is an int where an int is declared, also inside lists and dicts, because KFP turns 1 into 1.0 there.
    """
    origin = typing.get_origin(declared)
    if origin in (typing.Union, types.UnionType):
        return _union(value, typing.get_args(declared))
    if origin is list:
        return _list(value, typing.get_args(declared)[0])
    if origin is dict:
        return _dict(value, *typing.get_args(declared))
    if declared is Any:
        return whole_numbers(value)
    return _SCALARS[declared](value)


def whole_numbers(value: Any) -> Any:
    """Undo KFP's doubles where no type is declared: 2.0 becomes 2, at any depth."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _LAST_EXACT:
        return int(value)
    if isinstance(value, dict):
        return {key: whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [whole_numbers(item) for item in value]
    return value


def as_words(value: Any) -> list[str]:
    """A list argument that is needed before it is checked; empty where it will be refused."""
    try:
        words: list[str] = coerce(value, list[str])
    except Mismatch:
        return []
    return words


def type_name(declared: Any) -> str:
    """The type as users read it: `int`, `list of str`, `str or none`."""
    origin, members = typing.get_origin(declared), typing.get_args(declared)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(type_name(member) for member in members)
    if origin is list:
        return f"list of {type_name(members[0])}"
    if origin is dict:
        return "JSON object"
    if declared is type(None):
        return "none"
    return "any" if declared is Any else declared.__name__


def _expected(what: str, value: Any) -> Mismatch:
    return Mismatch(f"expected {what}, got {value!r}")


def _union(value: Any, members: tuple[Any, ...]) -> Any:
    if value is None and type(None) in members:
        return None
    # Text fits `str` always, so the narrower types are asked first; a lone word is not a list where it may be text.
    ordered = sorted((m for m in members if m is not type(None)), key=lambda m: m is str)
    if isinstance(value, str) and str in ordered and not value.lstrip().startswith("["):
        ordered = [member for member in ordered if typing.get_origin(member) is not list]
    for member in ordered:
        try:
            return coerce(value, member)
        except Mismatch as mismatch:
            if len(ordered) == 1:
                raise mismatch from None
    raise _expected(" or ".join(type_name(member) for member in members), value)


def _list(value: Any, item: Any) -> list[Any]:
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = _json(value, "a JSON list")
    if isinstance(value, str | bool | int | float):
        value = [value]
    if not isinstance(value, list | tuple):
        raise _expected(f"list of {type_name(item)}", value)
    return [coerce(entry, item) for entry in value]


def _dict(value: Any, key: Any, item: Any) -> dict[Any, Any]:
    if isinstance(value, str):
        value = _json(value, "a JSON object")
    if not isinstance(value, typing.Mapping):
        raise _expected("a JSON object", value)
    return {coerce(name, key): coerce(entry, item) for name, entry in value.items()}


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Mismatch(f"expected {what}, got {text!r} ({error.msg} at character {error.pos + 1})") from None


def _bool(value: Any) -> bool:
    word = str(int(value)) if value in (0, 1) and isinstance(value, int | float) else str(value).strip().lower()
    if isinstance(value, str | bool | int | float) and word in _TRUE | _FALSE:
        return word in _TRUE
    raise _expected("true or false", value)


def _int(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            value = _number(value, "int")
    if isinstance(value, float) and value.is_integer():
        if abs(value) < _LAST_EXACT:
            return int(value)
        raise Mismatch(f"{value!r} is too large to be exact as a float; write it as an integer")
    raise _expected("int", value)


def _float(value: Any) -> float:
    if isinstance(value, str):
        value = _number(value, "float")
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    raise _expected("float", value)


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _expected(what, text) from None


def _str(value: Any) -> str:
    # YAML reads `true` and `2024` as a bool and a number; both were one word when they were typed.
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return str(value)
    raise _expected("str", value)


_SCALARS: dict[Any, Any] = {bool: _bool, int: _int, float: _float, str: _str}
