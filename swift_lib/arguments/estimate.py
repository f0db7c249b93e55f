"""`swift estimate`: the arguments of a training, and what is asked about it."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from swift_lib.arguments.command import Command
from swift_lib.arguments.commands import SftArguments
from swift_lib.arguments.hf import GROUP
from swift_lib.arguments.spec import arg
from swift_lib.core import accelerators


@dataclass(frozen=True, kw_only=True)
class EstimateOptions:
    """Estimate."""

    accelerator: str | None = arg(
        None,
        "What it shall run on: l4, a10g, a100-80gb, h100 ..., or GiB of memory as a number; none is this machine.",
        none_as="",
    )
    nodes: int = arg(1, "Machines that train together, each with nproc_per_node processes.", ge=1)
    probe: bool | None = arg(
        None,
        "Run a few real steps in a process of their own; none does where the weights are here and nothing else is "
        "asked about than one process of this machine.",
        none_as="",
    )
    total_rows: int | None = arg(
        None, "Rows that will be trained and validated, where those given are a sample of them.", ge=1, none_as=0
    )
    row_tokens: int | None = arg(
        None, "Tokens of every row, where no rows are given; none is max_length, else 2048.", ge=1, none_as=0
    )

    def problems(self) -> Iterator[str]:
        """What cannot be looked at from here."""
        if self.accelerator is not None and accelerators.named(self.accelerator) is None:
            known = ", ".join(accelerators.names())
            yield f"--accelerator: {self.accelerator!r} is neither a number of GiB nor one of {known}"
        if self.accelerator is not None and self.probe:
            yield "--probe: steps are run on this machine, not on another accelerator; leave one of the two out"
        if self.total_rows is not None and self.probe:
            yield "--probe: the steps that are tried are those of the run; give all rows instead of --total_rows"


@dataclass(frozen=True, init=False)
class EstimateArguments(Command):
    """Tell memory and time of a training before it runs; takes every argument of swift sft."""

    estimate: EstimateOptions
    __annotations__ = {**__annotations__, **SftArguments.__annotations__}

    defaults: ClassVar[Mapping[str, Any]] = {**SftArguments.defaults}

    def training(self) -> SftArguments:
        """The arguments of the training itself; not checked for rows, which may be missing here."""
        kinds = SftArguments.__annotations__
        names = [name for name, kind in kinds.items() if dataclasses.is_dataclass(kind) or name == GROUP]
        return SftArguments.assembled({name: getattr(self, name) for name in names})

    def problems(self) -> Iterator[str]:
        """As for the training, but that rows need not be given."""
        yield from (text for text in self.training().problems() if not text.startswith("--dataset: required"))
