"""transformers.TrainingArguments fields, accepted under their own names without importing transformers."""

from typing import Any

from swift_lib.arguments.hf_training_table import TABLE
from swift_lib.arguments.spec import FieldSpec

_TYPES: dict[str, Any] = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "dict": dict[str, Any],
    "list[str]": list[str],
    "bool | str": bool | str,
    "dict | str": dict[str, Any] | str,
    "list[str] | str": list[str] | str,
    "any": Any,
}
GROUP = "hf"


def hf_names() -> list[str]:
    """Every field name of the transformers version that the table was made with."""
    return list(TABLE)


def hf_spec(name: str) -> FieldSpec:
    """The field as an argument; KeyError if transformers has no such field."""
    type_text, default = TABLE[name]
    declared = _TYPES[type_text.removesuffix(" | None")]
    if type_text.endswith(" | None"):
        declared = declared | None
    text = f"transformers.TrainingArguments.{name}, passed on as given."
    return FieldSpec(name, declared, default, text, GROUP)
