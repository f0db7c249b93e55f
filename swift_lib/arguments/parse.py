"""Words of a command line and configuration files -> a command's arguments."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from swift_lib.arguments.command import Command, build_groups, find_spec
from swift_lib.arguments.inherit import stored_values
from swift_lib.core import environment
from swift_lib.core.errors import ArgumentError

C = TypeVar("C", bound=Command)
_CONFIG_SUFFIXES = (".yaml", ".yml", ".json")


def parse(cls: type[C], words: Sequence[str], preset: Mapping[str, Any] | None = None) -> C:
    """`--name value ...` words as an arguments object; ArgumentError lists every mistake.

    `--config file.yaml`, or such a file as the first word, gives defaults that the words override. Below both are
    `preset` and, with `load_args`, what the args.json beside the weights says.
    """
    problems: list[str] = []
    given = split_words(cls, words, problems)
    config = given.pop("config", None)
    file = _read_config(config, problems) if config is not None else {}
    flat = _over(cls, _over(cls, preset or {}, file), given)
    if _loads_args(cls, flat):
        stored = {name: value for name, value in stored_values(flat).items() if find_spec(cls, name)}
        flat = _over(cls, stored, flat)
    origins = {name: str(config) for name in file if name not in given}
    return cls.assembled(build_groups(cls, flat, problems, origins))


def as_arguments(cls: type[C], args: C | Sequence[str] | Mapping[str, Any] | None) -> C:
    """What a stage function is called with: an object, a list of words, a flat mapping, or nothing (all defaults)."""
    if isinstance(args, cls):
        return args
    if isinstance(args, Mapping):
        return cls.from_flat(args)
    if isinstance(args, Command):
        raise ArgumentError([f"expected {cls.__name__}, got {type(args).__name__}"])
    return parse(cls, list(args or []))


def split_words(cls: type[Command], words: Sequence[str], problems: list[str]) -> dict[str, Any]:
    """Flat name (as typed, underscores) -> raw value; what cannot be read is added to `problems`."""
    given: dict[str, Any] = {}
    rest = list(words)
    if rest and not rest[0].startswith("-") and rest[0].endswith(_CONFIG_SUFFIXES):
        given["config"] = rest.pop(0)
    while rest:
        word = rest.pop(0)
        if not is_flag(word):
            problems.append(f"{word!r}: expected --name; a text with blanks needs quotes")
            continue
        flag, equals, value = word[2:].partition("=")
        name = flag.replace("-", "_")
        values = [value] if equals else _take_values(rest)
        if name in given:
            problems.append(f"--{name}: given twice; several values follow one flag")
            continue
        given[name] = _one_value(cls, name, values, problems)
    return {name: value for name, value in given.items() if value is not _BAD}


_BAD = object()


def is_flag(word: str) -> bool:
    """`--name`, but not a negative number or a lone dash."""
    return word.startswith("--") and word[2:3].isalpha()


def _take_values(rest: list[str]) -> list[str]:
    count = next((index for index, word in enumerate(rest) if is_flag(word)), len(rest))
    values = rest[:count]
    del rest[:count]
    return values


def _one_value(cls: type[Command], name: str, values: list[str], problems: list[str]) -> Any:
    spec = find_spec(cls, name)
    if spec is not None and spec.is_list:
        return values[0] if len(values) == 1 else values
    if len(values) == 1:
        return values[0]
    if spec is not None and spec.inner_type is bool and not values:
        return True
    if spec is None and name != "config":
        return " ".join(values)
    problems.append(f"--{name}: takes one value, got {len(values)}" + (f" ({' '.join(values)})" if values else ""))
    return _BAD


def _over(cls: type[Command], below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` wins over `below`, also where one of them uses an argument's older name."""

    def key(name: str) -> str:
        spec = find_spec(cls, name)
        return spec.name if spec else name

    taken = {key(name) for name in above}
    return {name: value for name, value in below.items() if key(name) not in taken} | dict(above)


def _loads_args(cls: type[Command], flat: Mapping[str, Any]) -> bool:
    spec = find_spec(cls, "load_args")
    if spec is None:
        return False
    value = flat.get("load_args", spec.default)
    return str(value).lower() not in ("false", "no", "off", "0")


def _read_config(path: str, problems: list[str]) -> dict[str, Any]:
    """A YAML or JSON file as flat names; its problems name the file."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"--config: cannot read {path}: {error}")
        return {}
    try:
        data = json.loads(text) if path.endswith(".json") else read_yaml(text)
    except ValueError as error:
        problems.append(f"--config: {path}: {error}")
        return {}
    if data is None:
        return {}
    if not isinstance(data, dict) or not all(isinstance(name, str) for name in data):
        problems.append(f"--config: {path}: expected `name: value` lines")
        return {}
    variables = data.pop("ENV", None) or {}  # ms-swift's files name environment variables there
    if not isinstance(variables, dict):
        problems.append(f"ENV ({path}): expected variables by name, got {variables!r}")
        return data
    for name, value in variables.items():
        environment.put_default(str(name), str(value))
    return data


def read_yaml(text: str) -> Any:
    """YAML text as plain objects; ValueError with line and column, also for a key that stands there twice."""
    import yaml  # noqa: PLC0415 - 20 ms that a command without --config does not pay

    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            seen: set[str] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode) and key.value in seen:
                    raise ValueError(f"line {key.start_mark.line + 1}: {key.value!r} is given twice")
                seen.add(str(key.value))
            return dict(super().construct_mapping(node, deep))

    try:
        return yaml.load(text, Loader)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
