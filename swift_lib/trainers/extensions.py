"""What a run is extended by: names of the registries, made into objects when the trainer is there."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Extensions:
    """Names as the registries know them; None is what the task does by itself."""

    loss: str | None = None
    metric: str | None = None
    optimizer: str | None = None
    callbacks: tuple[str, ...] = ()


NO_EXTENSIONS = Extensions()
