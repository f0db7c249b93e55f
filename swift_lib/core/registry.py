"""Names that stand for things: one class for every table of models, templates, losses, rewards, commands."""

import difflib
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar, cast, overload

from swift_lib.core.errors import ContractError, DuplicateName, MissingDependency, UnknownName

logger = logging.getLogger(__name__)

T = TypeVar("T")
D = TypeVar("D")

Contract = type | str | Callable[[str, Any], None]

_PACKAGE = "swift_lib"
_PACKAGE_FOLDER = str(Path(__file__).resolve().parents[1])
_DISTRIBUTION = "swift-pipelines"
_LISTED = 40  # more names than this drown the nearest ones


@dataclass
class _Entry:
    target: Any
    file: str
    line: int
    builtin: bool
    extra: str
    summary: str
    checked: bool = False

    @property
    def origin(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Registry(Mapping[str, T]):
    """A read-only mapping of names to things, plus `register` (also spelled `registry[name] = thing`).

    A target is the thing itself or `"module:attribute"`, imported when it is first taken; names, length and membership
    never import. `contract` is what every entry keeps, checked when it is taken: a base class (entries are subclasses
    or instances of it), the same as "module:attribute", or a function `(name, thing)` that raises ContractError.
    `extra` is the optional dependency group whose installation mends a missing library.
    """

    def __init__(
        self,
        kind: str,
        contract: Contract | None = None,
        table: Mapping[str, str | T] | None = None,
        extra: str = "",
    ) -> None:
        self.kind = kind
        self.extra = extra
        self._contract = contract
        file, line = _caller()
        self._entries = {
            name: _Entry(target, file, line, builtin=True, extra=extra, summary="")
            for name, target in (table or {}).items()
        }

    # -- reading ---------------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """All names in the order of registration; imports nothing."""
        return list(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._entries

    def __getitem__(self, name: str) -> T:
        entry = self._entry(name)
        if isinstance(entry.target, str):
            entry.target = self._resolve(name, entry)
        if not entry.checked:
            self._check(name, entry)
            entry.checked = True
        return cast(T, entry.target)

    def get(self, name: str, default: Any = None) -> Any:
        """The entry, or `default` where no such name is registered."""
        return self[name] if name in self else default  # noqa: SIM401 - this is `get`

    def summary(self, name: str) -> str:
        """The one line given when the entry was registered."""
        return self._entry(name).summary

    def origin(self, name: str) -> str:
        """`file:line` that registered the name."""
        return self._entry(name).origin

    def is_builtin(self, name: str) -> bool:
        """Whether the entry is this package's own, not a plugin's."""
        return self._entry(name).builtin

    # A Mapping compares by content, which would import everything; a registry is one of a kind.
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        return f"<registry of {len(self)} {self.kind} names>"

    # -- writing ---------------------------------------------------------------------------------------------------

    @overload
    def register(
        self, name: str, *, exist_ok: bool = ..., extra: str = ..., summary: str = ..., origin: str = ...
    ) -> Callable[[D], D]: ...

    @overload
    def register(
        self, name: str, target: D, *, exist_ok: bool = ..., extra: str = ..., summary: str = ..., origin: str = ...
    ) -> D: ...

    def register(
        self,
        name: str,
        target: Any = None,
        *,
        exist_ok: bool = False,
        extra: str = "",
        summary: str = "",
        origin: str = "",
    ) -> Any:
        """Give `target` a name; without a target, a decorator that does. Returns the target unchanged.

        The identical thing under its own name, and a file imported twice, change nothing. A plugin may take over a
        built-in's name, with one logged line. Two plugins with one name are a DuplicateName unless `exist_ok`.
        `origin` is the file to report where the caller is not the one who registers.
        """
        file, line = (origin, 0) if origin else _caller()

        def add(thing: Any) -> Any:
            self._add(name, _Entry(thing, file, line, _is_ours(file), extra or self.extra, summary), exist_ok)
            return thing

        return add if target is None else add(target)

    def __setitem__(self, name: str, target: str | T) -> None:
        self.register(name, target)

    def _add(self, name: str, entry: _Entry, exist_ok: bool) -> None:
        if not isinstance(name, str) or not name:
            raise ContractError(f"The name of a {self.kind} is a non-empty text, not {name!r}", where=entry.origin)
        old = self._entries.get(name)
        if old is not None:
            if _same(old.target, entry.target):
                return
            if old.builtin and not entry.builtin:
                logger.info("%s %r: the built-in is replaced by %s", self.kind, name, entry.origin)
            elif not exist_ok and not _same_statement(old, entry):
                raise DuplicateName(
                    f"{self.kind} {name!r} of {entry.origin} is already registered at {old.origin}",
                    fix="rename one of them, or register with exist_ok=True to replace the first",
                )
        self._entries[name] = entry

    # -- taking an entry -------------------------------------------------------------------------------------------

    def _entry(self, name: str) -> _Entry:
        if name in self:
            return self._entries[name]
        text = str(name)
        lower = {known.lower(): known for known in self._entries}
        close = [lower[match] for match in difflib.get_close_matches(text.lower(), lower, n=3, cutoff=0.6)]
        what = f"Unknown {self.kind} {text!r}."
        if close:
            what += f" Did you mean {' or '.join(map(repr, close))}?"
        if len(self._entries) <= _LISTED:
            what += f" Known: {', '.join(self._entries) or 'none'}"
        else:
            what += f" {len(self._entries)} names are known"
        raise UnknownName(what, fix="correct the name, or bring one of your own with --external_plugins file.py")

    def _resolve(self, name: str, entry: _Entry) -> Any:
        module_name, colon, attribute = entry.target.partition(":")
        if not colon or not module_name or not attribute:
            raise ContractError(
                f"{self.kind} {name!r} is the text {entry.target!r}", where=entry.origin, fix='write "module:attribute"'
            )
        try:
            thing: Any = import_module(module_name)
        except ImportError as error:
            missing = error.name or ""
            if missing.partition(".")[0] == _PACKAGE:
                raise  # our own bug, not a missing installation
            raise missing_dependency(f"{self.kind} {name!r}", missing or str(error), entry.extra) from error
        for part in attribute.split("."):
            if not hasattr(thing, part):
                raise ContractError(f"{self.kind} {name!r}: {module_name} has no {attribute!r}", where=entry.origin)
            thing = getattr(thing, part)
        return thing

    def _check(self, name: str, entry: _Entry) -> None:
        contract, thing = self._contract, entry.target
        if isinstance(contract, str):
            module_name, _, attribute = contract.partition(":")
            contract = self._contract = getattr(import_module(module_name), attribute)
        if contract is None:
            return
        if not isinstance(contract, type):
            assert not isinstance(contract, str)
            contract(name, thing)
            return
        if not (issubclass(thing, contract) if isinstance(thing, type) else isinstance(thing, contract)):
            raise ContractError(
                f"{self.kind} {name!r} must be a subclass or an instance of {contract.__name__}, not {thing!r}",
                where=entry.origin,
                fix=f"derive it from {contract.__module__}.{contract.__qualname__}",
            )


def missing_dependency(who: str, library: str, extra: str = "") -> MissingDependency:
    """The error for a library that is not there: names it and the command that installs it."""
    package = f"'{_DISTRIBUTION}[{extra}]'" if extra else library.partition(".")[0]
    return MissingDependency(f"{who} needs {library!r}, which is not installed", fix=f"pip install {package}")


def _caller() -> tuple[str, int]:
    """File and line of the code that registers: the first frame outside this package, or the body of one of our own
    modules being imported, whichever is nearer."""
    frame: FrameType | None = sys._getframe(1)
    file, line = "<unknown>", 0
    while frame is not None:
        file, line = frame.f_code.co_filename, frame.f_lineno
        if file != __file__ and (frame.f_code.co_name == "<module>" or not _is_ours(file)):
            break
        frame = frame.f_back
    return file, line


def _is_ours(file: str) -> bool:
    return str(Path(file).resolve()).startswith(_PACKAGE_FOLDER + "/")


def _same(old: Any, new: Any) -> bool:
    """Identity; for pairs of functions, of their members; for an entry not yet imported, of what stands there.

    A class may name the pair that it is in an older form, `as_pair`.
    """
    if isinstance(old, str) and not isinstance(new, str):
        module_name, _, attribute = old.partition(":")
        old = sys.modules.get(module_name)
        for part in attribute.split("."):
            old = getattr(old, part, None)
    if isinstance(new, tuple):
        old = getattr(old, "as_pair", old)
    if isinstance(old, tuple) and isinstance(new, tuple):
        return len(old) == len(new) and all(a is b for a, b in zip(old, new, strict=True))
    return old is new or (isinstance(old, str) and old == new)


def _same_statement(old: _Entry, new: _Entry) -> bool:
    """The same line run again: its file was imported twice, or once by name and once harvested."""
    return old.file == new.file and (old.line == new.line or not old.line or not new.line)
