"""From files and words to a pipeline's arguments, by the compiled IR's names and types; all mistakes at once."""

import dataclasses
import difflib
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from swift_lib.core.errors import ArgumentError

COMPILED = "compiled default"
# KFP carries every number as a double.
_LARGEST_EXACT_INT = 2**53


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One input of a pipeline as its IR declares it; `kind` is KFP's name of the type."""

    name: str
    kind: str
    required: bool
    default: Any = None
    choices: tuple[Any, ...] = ()
    help: str = ""


@dataclasses.dataclass(frozen=True)
class Source:
    """Values and where they came from; `text` values are words that still have to be read by type."""

    name: str
    values: Mapping[str, Any]
    text: bool = False


@dataclasses.dataclass(frozen=True)
class Value:
    """A parameter's value and the name of the source that gave it."""

    value: Any
    source: str


class IllTyped(Exception):
    """A value that does not fit its parameter; the message says what was expected."""


def parameters_of(spec: Mapping[str, Any]) -> dict[str, Parameter]:
    """The parameters of a compiled pipeline or component, by name."""
    inputs = spec.get("root", {}).get("inputDefinitions", {}).get("parameters", {})
    found = {}
    for name, entry in sorted(inputs.items()):
        default = entry.get("defaultValue")
        found[name] = Parameter(
            name=name,
            kind=entry["parameterType"],
            required=default is None and not entry.get("isOptional", False),
            default=int(default) if entry["parameterType"] == "NUMBER_INTEGER" and default is not None else default,
            choices=tuple(entry.get("literals", ())),
            help=entry.get("description", ""),
        )
    return found


def from_file(path: str | Path, label: str) -> Source:
    """A YAML or JSON file of parameters."""
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ArgumentError([f"{label} {path}: {error.strerror}"]) from None
    except yaml.YAMLError as error:
        raise ArgumentError([f"{label} {path}: not readable as YAML: {' '.join(str(error).split())}"]) from None
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ArgumentError([f"{label} {path}: expected `name: value` lines, got a {type(values).__name__}"])
    return Source(f"{label} {path}", values)


def from_words(words: str) -> Source:
    """The ARGS of the command line: `name=value` words, quoted as in a shell; `name=@file.json` reads a file."""
    values: dict[str, Any] = {}
    problems = []
    try:
        pieces = shlex.split(words)
    except ValueError as error:
        raise ArgumentError([f"ARGS: {error} in {words!r}"]) from None
    for word in pieces:
        name, equals, value = word.partition("=")
        if not equals:
            problems.append(f"ARGS: {word!r} is not name=value")
        elif name in values:
            problems.append(f"ARGS: {name} is given twice")
        values[name] = value
    if problems:
        raise ArgumentError(problems)
    return Source("ARGS", values, text=True)


def merge(parameters: Mapping[str, Parameter], sources: Sequence[Source]) -> dict[str, Value]:
    """One value for each parameter: the last source that names it wins. ArgumentError lists all that is wrong."""
    merged = {
        name: Value(parameter.default, COMPILED) for name, parameter in parameters.items() if not parameter.required
    }
    problems = []
    for source in sources:
        for name, raw in source.values.items():
            parameter = parameters.get(name)
            if parameter is None:
                problems.append(f"{source.name}: unknown parameter {name!r}{nearest(str(name), parameters)}")
                continue
            try:
                value = _from_text(parameter, raw) if source.text else typed(parameter, raw)
            except IllTyped as error:
                problems.append(f"{source.name}: {name}: {error}")
                continue
            merged[name] = Value(value, source.name)
    for name, parameter in parameters.items():
        if name in merged:
            value = merged[name].value
            if parameter.choices and value not in parameter.choices:
                words = ", ".join(repr(choice) for choice in parameter.choices)
                problems.append(f"{merged[name].source}: {name}: {value!r} is not one of {words}")
        elif not any(name in source.values for source in sources):
            problems.append(f"{name}: required ({_described(parameter)})")
    if problems:
        raise ArgumentError(problems)
    return {name: merged[name] for name in sorted(merged)}


def nearest(name: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    """Words that name the likeliest meant, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def typed(parameter: Parameter, raw: Any) -> Any:
    """`raw` as the type of the parameter, or IllTyped. Nothing is guessed: a text is no number, a number is no list."""
    kind = parameter.kind
    if raw is None:
        raise IllTyped("has no value; leave the line out for the default")
    if kind == "STRING" and isinstance(raw, str | int | float) and not isinstance(raw, bool):
        return str(raw)
    if kind == "BOOLEAN" and isinstance(raw, bool):
        return raw
    if kind == "NUMBER_INTEGER" and _is_number(raw) and raw == int(raw):
        return _exact(int(raw))
    if kind == "NUMBER_DOUBLE" and _is_number(raw):
        return float(raw)
    if kind == "LIST" and isinstance(raw, list):
        return _portable(raw)
    if kind == "LIST" and isinstance(raw, str):
        return [raw]
    if kind == "STRUCT" and isinstance(raw, dict):
        return _portable(raw)
    raise IllTyped(f"expected {_described(parameter)}, got {raw!r}")


def _from_text(parameter: Parameter, text: str) -> Any:
    """A word of the command line, read by the parameter's type."""
    kind = parameter.kind
    if text.startswith("@") and kind != "STRING":
        path = Path(text[1:])
        try:
            return typed(parameter, yaml.safe_load(path.read_text(encoding="utf-8")))
        except (OSError, yaml.YAMLError) as error:
            raise IllTyped(f"{path} cannot be read: {' '.join(str(error).split())}") from None
    if kind == "STRING" or (kind == "LIST" and not text.lstrip().startswith("[")):
        return typed(parameter, text)
    if kind == "BOOLEAN":
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        return typed(parameter, words.get(text.lower(), text))
    try:
        return typed(parameter, json.loads(text))
    except ValueError:
        return typed(parameter, _number(text) if kind.startswith("NUMBER") else _Unread(text))


class _Unread(str):
    """Text that should have been JSON; it fits no type and prints as it was written."""


def _number(text: str) -> Any:
    try:
        return float(text)  # 1e-4 and .5 are no JSON numbers to everybody, but they are numbers
    except ValueError:
        return text


def _is_number(raw: Any) -> bool:
    return isinstance(raw, int | float) and not isinstance(raw, bool) and raw == raw and abs(raw) != float("inf")


def _exact(number: int) -> int:
    if abs(number) > _LARGEST_EXACT_INT:
        raise IllTyped(f"{number} is above 2^53, where KFP loses digits; write it as text")
    return number


def _portable(value: Any) -> Any:
    """Refuse what KFP cannot carry inside lists and dictionaries."""
    if value is None:
        raise IllTyped("holds null, which KFP cannot carry; leave the entry out")
    if isinstance(value, dict):
        return {str(key): _portable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_portable(item) for item in value]
    return _exact(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _described(parameter: Parameter) -> str:
    words = {
        "STRING": "text",
        "NUMBER_INTEGER": "a whole number",
        "NUMBER_DOUBLE": "a number",
        "BOOLEAN": "true or false",
        "LIST": "a list",
        "STRUCT": "a JSON object",
    }[parameter.kind]
    return f"{words}: {parameter.help}" if parameter.help else words
