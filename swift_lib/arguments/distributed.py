"""Training by several processes."""

from dataclasses import dataclass
from typing import Any

from swift_lib.arguments.spec import arg


@dataclass(frozen=True, kw_only=True)
class ProcessArguments:
    """Processes of a command that can share its work."""

    nproc_per_node: int | None = arg(
        None,
        "Processes on this node; none follows NPROC_PER_NODE, else 1 (the train component: a process a GPU).",
        ge=1,
        none_as=0,
    )


@dataclass(frozen=True, kw_only=True)
class DistributedArguments:
    """Several processes."""

    deepspeed: dict[str, Any] | str | None = arg(
        None,
        "DeepSpeed configuration: zero0, zero1, zero2, zero3, zero2_offload, zero3_offload, a JSON file or JSON text.",
        none_as="",
    )
    fsdp: dict[str, Any] | str | None = arg(None, "FSDP configuration: fsdp2, a JSON file or JSON text.", none_as="")
