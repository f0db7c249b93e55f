"""What happens at the events of training."""

from dataclasses import dataclass

from swift_lib.arguments.spec import arg


@dataclass(frozen=True, kw_only=True)
class CallbackArguments:
    """Callbacks."""

    callbacks: list[str] = arg(
        [], "Registered callbacks, in their order.", choices="swift_lib.callbacks.mapping:callbacks_map"
    )
