"""What an outcome reward is, and what may stand in the table of rewards."""

import inspect
from typing import Any

from swift_lib.core.errors import ContractError


class ORM:
    """Outcome reward: scores whole replies.

    A subclass defines `__call__` in one of two forms, told apart by its first parameters:

    - `(infer_requests, ground_truths, **kwargs) -> list[float]`: the reply is `request.messages[-1]["content"]`;
    - `(completions, **columns) -> list[float | None]`: the replies, and each column of the data set as a list.

    One score per reply, in order; None says that the reward has no opinion on a row.
    """

    def __init__(self, args: Any = None) -> None:
        self.args = args

    def __call__(self, *args: Any, **kwargs: Any) -> list[float | None]:
        """Score the replies."""
        raise NotImplementedError(f"{type(self).__name__} defines no __call__")


class AsyncORM(ORM):
    """An outcome reward whose `__call__` is a coroutine function (a judge behind a network, for one)."""

    async def __call__(self, *args: Any, **kwargs: Any) -> list[float | None]:  # type: ignore[override]
        """Score the replies."""
        raise NotImplementedError(f"{type(self).__name__} defines no __call__")


def check_reward(name: str, entry: Any) -> None:
    """Accept a class, an instance or a plain function that can be called; `infer` may stand in for `__call__`."""
    if inspect.isclass(entry):
        usable = "__call__" in {key for base in entry.__mro__ for key in vars(base)} or hasattr(entry, "infer")
    else:
        usable = callable(entry) or hasattr(entry, "infer")
    if not usable:
        raise ContractError(
            f"reward '{name}' is a {type(entry).__name__} that cannot be called",
            fix="register a subclass of swift_lib.rewards.ORM, or a function (completions, **columns) -> list",
        )
