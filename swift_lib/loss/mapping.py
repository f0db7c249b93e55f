"""The names that --loss_type takes."""

from typing import Any

from swift_lib.core.registry import Registry

loss_map: Registry[Any] = Registry(
    "loss",
    table={"cross_entropy": "swift_lib.loss.causal_lm:weighted_cross_entropy"},
    extra="train",
)
LOSS_MAPPING = loss_mapping = loss_map
