"""Which optimizer moves the weights, and at which rates."""

from dataclasses import dataclass

from swift_lib.arguments.spec import arg


@dataclass(frozen=True, kw_only=True)
class OptimizerArguments:
    """Optimizer."""

    optimizer: str | None = arg(
        None,
        "Registered optimizer; none follows the other arguments, else AdamW (transformers' own are named by --optim).",
        choices="swift_lib.optimizers.mapping:optimizers_map",
        none_as="",
    )
