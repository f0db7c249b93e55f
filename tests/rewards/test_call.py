from typing import Any

import pytest

from swift_lib.core.errors import ContractError, DataError
from swift_lib.rewards.base import ORM, AsyncORM, check_reward
from swift_lib.rewards.call import build_reward, ground_truth, score

PROMPT = [{"role": "user", "content": "2+2?"}]
ROW = {"messages": [*PROMPT, {"role": "assistant", "content": "4"}], "level": "easy"}


class Documented(ORM):
    def __call__(self, infer_requests: Any, ground_truths: list[str], **kwargs: Any) -> list[float]:
        assert kwargs == {"level": ["easy"] * len(infer_requests)}
        return [float(r["messages"][-1]["content"] == g) for r, g in zip(infer_requests, ground_truths, strict=True)]


class Columns(ORM):
    def __call__(self, completions: list[str], level: list[str], **columns: Any) -> list[float | None]:
        return [None if c == "skip" else float(lv == "easy") for c, lv in zip(completions, level, strict=True)]


class Waiting(AsyncORM):
    async def __call__(self, completions: list[str], **columns: Any) -> list[float]:
        return [0.5 for _ in completions]


class OnlyInfer:
    def infer(self, infer_requests: Any, ground_truths: list[str]) -> list[float]:
        return [1.0 for _ in infer_requests]


def function(completions: list[str]) -> list[float]:
    return [float(len(reply)) for reply in completions]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (Documented, [1.0, 0.0]),
        (Documented(), [1.0, 0.0]),
        (Columns, [1.0, None]),
        (Waiting, [0.5, 0.5]),
        (OnlyInfer, [1.0, 1.0]),
        (function, [1.0, 4.0]),
        (lambda completions, **kw: [float("nan"), 1], [None, 1.0]),
    ],
)
def test_every_form_is_called(entry: Any, expected: list[float | None]) -> None:
    check_reward("mine", entry)
    assert score("mine", build_reward(entry), [PROMPT, PROMPT], ["4", "skip"], [ROW, ROW]) == expected


def test_constructor_gets_the_arguments_only_where_it_takes_them() -> None:
    class Bare:
        def __call__(self, completions: list[str]) -> list[float]:
            return [0.0]

    build_reward(Bare, args="arguments")
    assert build_reward(Documented, args="arguments").args == "arguments"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        ({**ROW, "solution": "5", "ground_truths": "6"}, "6"),
        ({**ROW, "solution": 5}, "5"),
        (ROW, "4"),
    ],
)
def test_ground_truth_order(row: dict[str, Any], answer: str) -> None:
    assert ground_truth(row) == answer


def test_no_ground_truth_is_refused() -> None:
    with pytest.raises(DataError, match="no right answer"):
        ground_truth({"messages": PROMPT})


@pytest.mark.parametrize("result", [3, ["x"], [1.0]])
def test_a_wrong_result_is_refused(result: Any) -> None:
    with pytest.raises(ContractError, match="mine"):
        score("mine", lambda completions: result, [PROMPT, PROMPT], ["a", "b"], [ROW, ROW])


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(ContractError, match="cannot be called"):
        check_reward("mine", 3)
