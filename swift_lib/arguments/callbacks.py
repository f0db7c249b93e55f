"""What happens at the events of training."""

from collections.abc import Iterator
from dataclasses import dataclass

from swift_lib.arguments.spec import arg


@dataclass(frozen=True, kw_only=True)
class CallbackArguments:
    """Callbacks."""

    callbacks: list[str] = arg(
        [], "Registered callbacks, in their order.", choices="swift_lib.callbacks.mapping:callbacks_map"
    )
    early_stop_interval: int | None = arg(
        None,
        "Evaluated checkpoints in a row without a better metric_for_best_model after which training stops.",
        ge=1,
        none_as=0,
    )
    lisa_activated_layers: int = arg(
        0, "Layers trained at a time, drawn anew (LISA; tuner_type full); 0 trains all of them.", ge=0
    )
    lisa_step_interval: int = arg(20, "Steps between two draws of LISA's layers.", ge=1)

    def problems(self) -> Iterator[str]:
        """Callbacks without the argument they live by."""
        if "lisa" in self.callbacks and not self.lisa_activated_layers:
            yield "--callbacks: lisa needs --lisa_activated_layers, how many layers are trained at a time"
        if "early_stop" in self.callbacks and self.early_stop_interval is None:
            yield "--callbacks: early_stop needs --early_stop_interval, how many checkpoints it waits"
        for name in sorted({name for name in self.callbacks if self.callbacks.count(name) > 1}):
            yield f"--callbacks: {name} is named twice"
