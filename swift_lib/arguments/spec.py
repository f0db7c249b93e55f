"""How one argument is declared: `arg(default, help, ...)` in a group, read back as a FieldSpec."""

import copy
import dataclasses
import enum
import importlib
import typing
from collections.abc import Mapping, Sequence
from typing import Any


class Marker(enum.Enum):
    """Values that cannot be mistaken for something a user wrote."""

    REQUIRED = "required"
    UNSET = "unset"


REQUIRED = Marker.REQUIRED
UNSET = Marker.UNSET


def arg(
    default: Any,
    help: str,  # noqa: A002 - the declaration reads better with the common word
    *,
    choices: Sequence[str] | str | None = None,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    none_as: Any = UNSET,
    aliases: Sequence[str] = (),
    renamed_values: Mapping[str, str] | None = None,
) -> Any:
    """Declare one argument of a group.

    `choices` is a sequence of words or, for a registry, "module:attribute" whose `names()` is asked when a value has
    to be checked. `none_as` is what stands for None where None cannot be said (a form, a KFP parameter). `aliases` and
    `renamed_values` are older names that still work and cost one logged line.
    """
    metadata = {
        "help": help,
        "choices": choices if choices is None or isinstance(choices, str) else tuple(choices),
        "bounds": Bounds(ge, gt, le, lt),
        "none_as": none_as,
        "aliases": tuple(aliases),
        "renamed_values": dict(renamed_values or {}),
    }
    if isinstance(default, list | dict):
        return dataclasses.field(default_factory=lambda: copy.deepcopy(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Bounds:
    """Limits of a number; None is no limit."""

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None

    def broken(self, value: float) -> str | None:
        """The first limit that `value` breaks, in words."""
        for limit, words, holds in self._limits():
            if limit is not None and not holds(value):
                return f"{words} {limit:g}"
        return None

    def __str__(self) -> str:
        return ", ".join(f"{words} {limit:g}" for limit, words, _ in self._limits() if limit is not None)

    def _limits(self) -> list[tuple[float | None, str, Any]]:
        return [
            (self.ge, "at least", lambda v: v >= self.ge),
            (self.gt, "greater than", lambda v: v > self.gt),
            (self.le, "at most", lambda v: v <= self.le),
            (self.lt, "less than", lambda v: v < self.lt),
        ]


@dataclasses.dataclass(frozen=True)
class FieldSpec:
    """One argument as a command sees it."""

    name: str
    type: Any
    default: Any
    help: str
    group: str
    choices: tuple[str, ...] | str | None = None
    bounds: Bounds = dataclasses.field(default_factory=Bounds)
    none_as: Any = UNSET
    aliases: tuple[str, ...] = ()
    renamed_values: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def required(self) -> bool:
        """Whether the user must give it."""
        return self.default is REQUIRED

    @property
    def optional(self) -> bool:
        """Whether None is a value of it."""
        return type(None) in typing.get_args(self.type)

    @property
    def inner_type(self) -> Any:
        """The type without `| None`; a union of several other types stays as it is."""
        members = [member for member in typing.get_args(self.type) if member is not type(None)]
        return members[0] if self.optional and len(members) == 1 else self.type

    @property
    def is_list(self) -> bool:
        """Whether several words may follow the flag."""
        return any(typing.get_origin(member) is list for member in (self.type, *typing.get_args(self.type)))

    def fresh_default(self) -> Any:
        """The default, safe to hand out (lists and dicts are copied)."""
        return copy.deepcopy(self.default)

    def choice_names(self) -> list[str] | None:
        """The allowed words, asked of the registry where one is named; nothing heavy is imported."""
        if isinstance(self.choices, str):
            return list(taken(self.choices).names())
        return None if self.choices is None else list(self.choices)


def taken(target: str) -> Any:
    """The thing at "module:attribute", imported now: a table of names that only a value to be checked needs."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def group_fields(group: type, attribute: str, defaults: Mapping[str, Any]) -> list[FieldSpec]:
    """The specs of one group; `defaults` are the command's own, by name."""
    types = typing.get_type_hints(group)
    specs = []
    for field in dataclasses.fields(group):
        factory = field.default_factory
        declared = field.default if factory is dataclasses.MISSING else factory()
        specs.append(
            FieldSpec(
                name=field.name,
                type=types[field.name],
                default=defaults.get(field.name, declared),
                group=attribute,
                **field.metadata,
            )
        )
    return specs
