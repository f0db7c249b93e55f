"""Names of the loss scales, and how `--loss_scale` is read."""

from swift_lib.core.errors import TemplateError
from swift_lib.core.registry import Registry
from swift_lib.loss_scale.base import ALL_BASE_STRATEGY, LossScale

loss_scale_map: Registry[type[LossScale]] = Registry(
    "loss scale",
    contract=LossScale,
    table={
        "base": "swift_lib.loss_scale.base:LossScale",
    },
)


def get_loss_scale(name: str) -> LossScale:
    """Build the loss scale of `[strategy+]type`; a strategy alone is type `base`, a type alone strategy `default`."""
    first, *types = name.split("+")
    strategy = first if first in ALL_BASE_STRATEGY else "default"
    if first not in ALL_BASE_STRATEGY:
        types.insert(0, first)
    for part in types:
        if part in ALL_BASE_STRATEGY:
            raise TemplateError(f"loss_scale {name!r} has the strategy {part!r} in the middle", fix="put it first")
    if len(types) > 1:
        raise TemplateError(f"loss_scale {name!r} joins {len(types)} types", fix="name one type, after the strategy")
    return loss_scale_map[types[0] if types else "base"](strategy)
