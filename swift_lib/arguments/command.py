"""A command's arguments: groups inside, flat unique names outside, frozen, built with all mistakes reported at once."""

import dataclasses
import difflib
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

from swift_lib.arguments.coerce import Mismatch, as_words, coerce
from swift_lib.arguments.hf import GROUP, hf_names, hf_spec
from swift_lib.arguments.spec import UNSET, FieldSpec, group_fields
from swift_lib.core.errors import ArgumentError
from swift_lib.core.plugins import load_plugins

logger = logging.getLogger(__name__)
C = TypeVar("C", bound="Command")


class Command:
    """Root of the command classes: behaviour only, no fields, nothing to override but `problems` and `defaults`.

    A subclass is a frozen dataclass of groups, declared with `init=False`. Its constructor takes the flat names of all
    groups; inside, values are read as `args.tuner.lora_rank`. With a group `hf`, every transformers.TrainingArguments
    field that no group declares is accepted and kept there if given.
    """

    defaults: ClassVar[Mapping[str, Any]] = {}
    _specs: ClassVar[dict[str, FieldSpec]]

    def __init_subclass__(cls) -> None:
        cls._specs = _compose(cls)

    def __init__(self, /, **flat: Any) -> None:
        _fill(self, build_groups(type(self), flat))

    @classmethod
    def assembled(cls, groups: Mapping[str, Any]) -> Self:
        """The object of groups that `build_groups` made."""
        return _fill(object.__new__(cls), groups)

    @classmethod
    def from_flat(cls, flat: Mapping[str, Any]) -> Self:
        """Build from flat names; ArgumentError lists everything that is wrong."""
        return cls(**flat)

    def to_flat(self) -> dict[str, Any]:
        """Every value by its flat name, so that `from_flat(to_flat(args)) == args`."""
        flat = {spec.name: getattr(getattr(self, spec.group), spec.name) for spec in field_specs(type(self))}
        return flat | getattr(self, GROUP, {})

    def replaced(self, **changes: Any) -> Self:
        """A copy with some flat names changed, checked like any other."""
        return type(self)(**(self.to_flat() | changes))

    def problems(self) -> Iterator[str]:
        """Combinations of groups that contradict each other."""
        yield from ()

    @property
    def output_dir(self) -> str:
        """The command's output folder, whichever group declares it."""
        return str(self.to_flat()["output_dir"])


def _fill(command: C, groups: Mapping[str, Any]) -> C:
    for attribute, group in groups.items():
        object.__setattr__(command, attribute, group)
    return command


def _compose(cls: type[Command]) -> dict[str, FieldSpec]:
    specs: dict[str, FieldSpec] = {}
    for attribute, group in _groups(cls).items():
        for spec in group_fields(group, attribute, cls.defaults):
            if spec.name in specs:
                raise TypeError(f"{cls.__name__}: {spec.name} is declared by {specs[spec.name].group} and {attribute}")
            specs[spec.name] = spec
    unknown = set(cls.defaults) - set(specs)
    if unknown:
        raise TypeError(f"{cls.__name__}: defaults for unknown arguments {sorted(unknown)}")
    return specs


def _groups(cls: type[Command]) -> dict[str, Any]:
    return {name: group for name, group in cls.__annotations__.items() if dataclasses.is_dataclass(group)}


def field_specs(cls: type[Command]) -> list[FieldSpec]:
    """The declared arguments of a command in order; transformers' own fields are not listed."""
    return list(cls._specs.values())


def accepts_hf(cls: type[Command]) -> bool:
    """Whether the command takes transformers.TrainingArguments fields."""
    return GROUP in cls.__annotations__


def find_spec(cls: type[Command], name: str) -> FieldSpec | None:
    """The argument called `name` (dashes or underscores, older names too), or None."""
    name = name.replace("-", "_")
    specs = cls._specs
    if name in specs:
        return specs[name]
    for spec in specs.values():
        if name in spec.aliases:
            return spec
    return hf_spec(name) if accepts_hf(cls) and name in hf_names() else None


def build_groups(
    cls: type[Command],
    given: Mapping[str, Any],
    found: Iterable[str] = (),
    origins: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The groups of `cls` from flat names, or one ArgumentError with `found` and every further problem.

    `origins` says from which file a name in `given` comes, for those that a file gave.
    """
    problems = list(found)
    sources = {name: f" ({origin})" for name, origin in (origins or {}).items()}
    named = _resolve_names(cls, given, sources, problems)
    if "external_plugins" in named:  # first of all: what they register are valid choices
        load_plugins(as_words(named["external_plugins"].value))
    values: dict[str, Any] = {}
    wrong: set[str] = set()
    for spec in [*field_specs(cls), *(raw.spec for raw in named.values() if raw.spec.group == GROUP)]:
        complaint = None
        if spec.name in named:
            values[spec.name], complaint = _checked(spec, named[spec.name].value)
        else:
            values[spec.name] = spec.fresh_default()
            if spec.required:
                complaint = "required"
        if complaint:
            wrong.add(spec.name)
            source = named[spec.name].source if spec.name in named else ""
            problems.append(f"--{spec.name}{source}: {complaint}")
            # A harmless stand-in, so that the rules below can still be asked about the rest.
            values[spec.name] = "" if spec.required else spec.fresh_default()
    groups = _grouped(cls, values)
    problems += _broken_rules(cls, groups, wrong)
    if problems:
        raise ArgumentError(problems)
    return groups


class _Raw(NamedTuple):
    """A value as it was given, for the argument that it is meant for."""

    spec: FieldSpec
    value: Any
    source: str


def _resolve_names(
    cls: type[Command], given: Mapping[str, Any], sources: Mapping[str, str], problems: list[str]
) -> dict[str, _Raw]:
    """Values by the arguments' present names; unknown names and contradictions become problems."""
    named: dict[str, _Raw] = {}
    for name, value in given.items():
        spec, source = find_spec(cls, name), sources.get(name, "")
        if spec is None:
            hint = _did_you_mean(name.replace("-", "_"), _all_names(cls))
            problems.append(f"--{name}{source}: unknown argument{hint}")
            continue
        if name.replace("-", "_") in spec.aliases:
            logger.warning("--%s is the old name of --%s", name, spec.name)
        before = named.get(spec.name)
        if before and spec.is_list:
            value = [*as_words(before.value), *as_words(value)]
        elif before and before.value != value:
            problems.append(f"--{spec.name}: given twice, {before.value!r} and (as --{name}) {value!r}")
            continue
        named[spec.name] = _Raw(spec, value, source)
    return named


def _checked(spec: FieldSpec, raw: Any) -> tuple[Any, str | None]:
    """(value, None) or (None, what is wrong with it)."""
    if spec.optional and _stands_for_none(spec, raw):
        return None, None
    try:
        value = coerce(_as_choice_word(spec, raw), spec.type)
    except Mismatch as mismatch:
        return None, str(mismatch)
    if spec.optional and spec.none_as is not UNSET and value == spec.none_as:
        return None, None
    if isinstance(value, str) and value in spec.renamed_values:
        logger.warning("--%s %s is the old name of %s", spec.name, value, spec.renamed_values[value])
        value = spec.renamed_values[value]
    if isinstance(value, int | float) and (limit := spec.bounds.broken(value)):
        return None, f"must be {limit}, got {value}"
    return value, _bad_choice(spec, value)


def _stands_for_none(spec: FieldSpec, raw: Any) -> bool:
    if raw is None or (isinstance(raw, str) and raw == spec.none_as):
        return True
    is_word = raw == spec.default or (isinstance(spec.choices, tuple) and raw in spec.choices)
    return isinstance(raw, str) and raw.lower() in ("none", "null") and not is_word


def _as_choice_word(spec: FieldSpec, raw: Any) -> Any:
    """YAML reads a bare `no` as False; where `no` is a choice, that is what was meant."""
    return "no" if raw is False and spec.choices and "no" in spec.choices else raw


def _bad_choice(spec: FieldSpec, value: Any) -> str | None:
    if spec.choices is None or value is None or value == spec.default:
        return None
    known = spec.choice_names() or []
    for word in value if isinstance(value, list) else [value]:
        if word not in known:
            return f"{word!r} is not one of {', '.join(known)}{_did_you_mean(str(word), known, flag=False)}"
    return None


def _grouped(cls: type[Command], values: Mapping[str, Any]) -> dict[str, Any]:
    specs = field_specs(cls)
    groups: dict[str, Any] = {}
    for attribute, group in _groups(cls).items():
        groups[attribute] = group(**{spec.name: values[spec.name] for spec in specs if spec.group == attribute})
    if accepts_hf(cls):
        own = {spec.name for spec in specs}
        groups[GROUP] = {name: value for name, value in values.items() if name not in own}
    return groups


def _broken_rules(cls: type[Command], groups: Mapping[str, Any], wrong: set[str]) -> list[str]:
    """What the groups' and the command's own rules say, but for arguments that are reported already."""
    found = [text for group in groups.values() if hasattr(group, "problems") for text in group.problems()]
    found += cls.assembled(groups).problems()
    return [text for text in found if not any(f"--{name}" in text.replace(":", " ").split() for name in wrong)]


def _all_names(cls: type[Command]) -> list[str]:
    names = [name for spec in field_specs(cls) for name in (spec.name, *spec.aliases)]
    return names + (hf_names() if accepts_hf(cls) else [])


def _did_you_mean(word: str, known: list[str], *, flag: bool = True) -> str:
    nearest = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if not nearest:
        return ""
    return f"; did you mean {'--' if flag else ''}{nearest[0]}?"
