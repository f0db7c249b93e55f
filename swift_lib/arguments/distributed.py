"""Training by several processes."""

from collections.abc import Iterator
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
    zero_hpz_partition_size: int | None = arg(
        None, "ZeRO++: processes that hold a second copy of the weights between them.", ge=1, none_as=0
    )
    deepspeed_autotp_size: int | None = arg(
        None, "Tensor parallel processes of DeepSpeed (full parameters, stages 0 to 2).", ge=1, none_as=0
    )

    sequence_parallel_size: int = arg(1, "Processes that share each sequence, a part of its length each.", ge=1)

    def problems(self) -> Iterator[str]:
        """One way of sharding at a time."""
        if self.deepspeed and self.fsdp:
            yield "--fsdp: choose one of --deepspeed and --fsdp"
        for name in ("zero_hpz_partition_size", "deepspeed_autotp_size"):
            if getattr(self, name) is not None and not self.deepspeed:
                yield f"--{name}: means something with --deepspeed only"
