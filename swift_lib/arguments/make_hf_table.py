"""Rewrite hf_training_table.py from the installed transformers: `python -m swift_lib.arguments.make_hf_table`.

The only module of this folder that imports transformers; nothing imports it but its test.
"""

import dataclasses
import enum
import types
import typing
from pathlib import Path
from typing import Any

import transformers

_TARGET = Path(__file__).with_name("hf_training_table.py")
_HEADER = '''"""Fields of transformers.TrainingArguments: name -> (type, default). Generated, do not edit.

Made by `python -m swift_lib.arguments.make_hf_table`.
"""

from typing import Any

VERSION = "{version}"

TABLE: dict[str, tuple[str, Any]] = {{
'''


def table() -> dict[str, tuple[str, Any]]:
    """name -> (type text, default) of every field that the constructor takes."""
    hints = typing.get_type_hints(transformers.TrainingArguments)
    rows = {}
    for field in dataclasses.fields(transformers.TrainingArguments):
        if not field.init:
            continue
        factory = field.default_factory
        default = field.default if factory is dataclasses.MISSING else factory()
        text = type_text(hints[field.name])
        if text == "float" and isinstance(default, int):
            default = float(default)
        rows[field.name] = (text, default.value if isinstance(default, enum.Enum) else default)
    return rows


def type_text(annotation: Any) -> str:
    """The annotation as one of the few words that arguments/hf.py knows; exotic types become `any`."""
    members = set(typing.get_args(annotation)) if _is_union(annotation) else {annotation}
    optional = type(None) in members
    words = {_word(member) for member in members - {type(None)}}
    for known in ("bool", "int", "float", "str", "dict", "list[str]", "bool | str", "dict | str", "list[str] | str"):
        if words == set(known.split(" | ")):
            return f"{known} | None" if optional else known
    return "any"


def render() -> str:
    """The generated module's text, formatted as `ruff format` would."""
    lines = [f'    "{name}": ({_quoted(text)}, {_quoted(default)}),' for name, (text, default) in table().items()]
    return _HEADER.format(version=transformers.__version__) + "\n".join(lines) + "\n}\n"


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)


def _word(annotation: Any) -> str:
    if typing.get_origin(annotation) is dict or annotation is dict:
        return "dict"
    if typing.get_origin(annotation) is list:
        return "list[str]"
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return "str"
    return annotation.__name__ if annotation in (bool, int, float, str) else "any"


def _quoted(value: Any) -> str:
    return repr(value).replace("'", '"') if isinstance(value, str | list) else repr(value)


if __name__ == "__main__":
    _TARGET.write_text(render(), encoding="utf-8")
