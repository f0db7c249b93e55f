"""What a user's class or function takes: plugins of two generations are told apart by their signatures."""

import inspect
from collections.abc import Callable
from typing import Any

from swift_lib.core.errors import ContractError

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def construct(cls: type, args: Any, trainer: Any) -> Any:
    """An instance of a plugin's class: `cls(args, trainer)` or `cls()`, as its constructor says.

    Parameters called args and trainer are given by name, in any place; two required ones of other names by position;
    options with defaults are left alone, so that a class of transformers' own keeps its defaults. A constructor that
    only hands on (`*args`) gets both. Raises ContractError where something else is required.
    """
    parameters = list(inspect.signature(cls).parameters.values())
    given = {"args": args, "trainer": trainer}
    named = [p for p in parameters if p.name in given and p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
    named += [p for p in parameters if p.name in given and p.kind is inspect.Parameter.KEYWORD_ONLY]
    required = [p for p in parameters if p.default is inspect.Parameter.empty and p.kind in _POSITIONAL]
    required += [p for p in parameters if p.default is inspect.Parameter.empty and p.kind is p.KEYWORD_ONLY]
    if not [p for p in required if p not in named]:
        if not named and any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters):
            return cls(args, trainer)
        return cls(**{p.name: given[p.name] for p in named})
    if len(required) == 2 and all(p.kind in _POSITIONAL for p in required):
        return cls(args, trainer)
    raise ContractError(
        f"{cls.__module__}.{cls.__qualname__} cannot be constructed: it requires {', '.join(p.name for p in required)}",
        fix="its constructor takes (args, trainer), or nothing",
    )


def accepts(function: Callable[..., Any], name: str) -> bool:
    """Whether a keyword can be passed: a parameter of that name, or **kwargs."""
    parameters = inspect.signature(function).parameters
    return name in parameters or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
