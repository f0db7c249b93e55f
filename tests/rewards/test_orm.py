import json
from pathlib import Path
from typing import Any

import pytest

from swift_lib.rewards.call import build_reward, score
from swift_lib.rewards.mapping import orms
from swift_lib.rewards.orm import MathORM


def one(name: str, reply: str, truth: str = "") -> list[Any]:
    return score(name, build_reward(orms[name]), [[]], [reply], [{"solution": truth}])


@pytest.fixture
def golden(shared: Path) -> dict[str, Any]:
    return json.loads((shared / "golden" / "rewards.json").read_text())


@pytest.mark.parametrize("name", ["format", "react_format", "repetition"])
def test_golden_forms(golden: dict[str, Any], name: str) -> None:
    for reply, expected in golden[name]:
        assert one(name, reply) == expected, reply


def test_golden_math(golden: dict[str, Any]) -> None:
    for reply, solution, expected in golden["math"]:
        assert one("math", reply, solution) == expected, (reply, solution)


@pytest.mark.parametrize(
    ("name", "reply", "truth", "expected"),
    [
        ("exact_match", "Paris\n", "Paris", 1.0),
        ("exact_match", "Paris.", "Paris", 0.0),
        ("contains", "It is Paris.", "Paris", 1.0),
        ("contains", "It is Rome.", "Paris", 0.0),
        ("numeric_match", "so 12 apples", "#### 12", 1.0),
        ("numeric_match", "so 13 apples", "#### 12", 0.0),
        ("math", "\\boxed{\\frac{1}{2}", "\\boxed{\\frac{1}{2}}", 0.0),
        ("math", "\\boxed{1,000}", "1000", 1.0),
        ("math", "\\boxed{\\text{yes}}", "yes", 1.0),
        ("math", "\\boxed{1/0}", "2", 0.0),
    ],
)
def test_scores(name: str, reply: str, truth: str, expected: float) -> None:
    assert one(name, reply, truth) == [expected]


def test_extract_boxed_result_is_a_static_method() -> None:
    assert MathORM.extract_boxed_result("so \\boxed{a{b}c}!") == "a{b}c"


def test_every_listed_reward_resolves_and_runs() -> None:
    for name in orms.names():
        assert len(one(name, "a reply", "a truth")) == 1
