"""The names of the rewards: `--reward_funcs`, `--orm_model`."""

from typing import Any

from swift_lib.core.registry import Registry
from swift_lib.rewards.base import check_reward

orms: Registry[Any] = Registry(
    "reward",
    check_reward,
    table={
        "exact_match": "swift_lib.rewards.orm:ExactMatch",
        "contains": "swift_lib.rewards.orm:Contains",
        "numeric_match": "swift_lib.rewards.orm:NumericMatch",
        "math": "swift_lib.rewards.orm:MathORM",
        "format": "swift_lib.rewards.orm:Format",
        "react_format": "swift_lib.rewards.orm:ReActFormat",
        "repetition": "swift_lib.rewards.orm:Repetition",
    },
)
