"""Base strategies, the `loss` field, and the checks on what a subclass returns."""

from typing import Any

import pytest

from swift_lib.core.errors import RegistryError, TemplateError
from swift_lib.core.types import ContextType
from swift_lib.loss_scale import LossScale, get_loss_scale, loss_scale_map

R, S, O = ContextType.RESPONSE, ContextType.SUFFIX, ContextType.OTHER  # noqa: E741
PIECES, TYPES = ["p1", "r1", "p2", "r2", "s"], [O, R, O, R, S]


def messages(first: Any = None, second: Any = None) -> list[dict[str, Any]]:
    return [
        {"role": "user", "content": "Q1"},
        {"role": "assistant", "content": "r1", "loss": first},
        {"role": "user", "content": "Q2"},
        {"role": "assistant", "content": "r2", "loss": second},
    ]


# The documents' condition: loss or loss is None and (strategy).
@pytest.mark.parametrize(
    ("strategy", "first", "second", "weights"),
    [
        ("default", None, None, [0, 1, 0, 1, 1]),
        ("default", False, None, [0, 0, 0, 1, 1]),
        ("default", None, False, [0, 1, 0, 0, 0]),
        ("last_round", None, None, [0, 0, 0, 1, 1]),
        ("last_round", True, None, [0, 1, 0, 1, 1]),
        ("last_round", None, False, [0, 0, 0, 0, 0]),
        ("all", None, None, [1, 1, 1, 1, 1]),
        ("all", False, None, [1, 0, 1, 1, 1]),
    ],
)
def test_strategy_and_loss_field(strategy: str, first: Any, second: Any, weights: list[float]) -> None:
    assert LossScale(strategy)(PIECES, TYPES, messages(first, second)) == (PIECES, weights)


class Mine(LossScale):
    """Weighs the letter r."""

    def get_loss_scale(self, context: str, *, query: str | None = None, **kwargs: Any) -> tuple[list[str], list[float]]:
        self.queries = [*getattr(self, "queries", []), query]
        return ([context[:1], context[1:]], [2.0, 1.0]) if context.startswith("r") else ([context], [0.5])


def test_subclass_splits_what_the_strategy_trains() -> None:
    mine = Mine("last_round")
    assert mine(PIECES, TYPES, messages()) == (["p1", "r1", "p2", "r", "2", "s"], [0, 0, 0, 2, 1, 0.5])
    assert mine.queries == ["Q2", None]


def test_a_messages_number_replaces_the_split() -> None:
    rows = messages()
    rows[3]["loss_scale"] = 0.25
    assert Mine()(PIECES, TYPES, rows)[1] == [0, 2, 1, 0, 0.25, 0.5]


@pytest.mark.parametrize("result", [None, (["r"], [1.0]), (["r", "1"], [1.0])])
def test_wrong_results_name_the_class(result: Any) -> None:
    class Wrong(LossScale):
        def get_loss_scale(self, context: str, **kwargs: Any) -> Any:
            return result

    with pytest.raises(TemplateError, match=r"Wrong\.get_loss_scale"):
        Wrong()(PIECES, TYPES, messages())


def test_names() -> None:
    assert get_loss_scale("default").base_strategy == "default"
    assert get_loss_scale("last_round+base").base_strategy == "last_round"
    loss_scale_map.register("mine_test", Mine, exist_ok=True)
    assert isinstance(get_loss_scale("all+mine_test"), Mine)
    with pytest.raises(RegistryError):
        get_loss_scale("")
    with pytest.raises(TemplateError, match="put it first"):
        get_loss_scale("base+all")
