"""Training by several processes."""

from dataclasses import dataclass
from typing import Any

from swift_lib.arguments.spec import arg


@dataclass(frozen=True, kw_only=True)
class DistributedArguments:
    """Several processes."""

    deepspeed: dict[str, Any] | str | None = arg(
        None,
        "DeepSpeed configuration: zero0, zero1, zero2, zero3, zero2_offload, zero3_offload, a JSON file or JSON text.",
        none_as="",
    )
    fsdp: dict[str, Any] | str | None = arg(None, "FSDP configuration: fsdp2, a JSON file or JSON text.", none_as="")
