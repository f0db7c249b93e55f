"""DeepSpeed and FSDP2 over processes on CPUs: to try a configuration, and to test, where there is no GPU.

accelerate looks for a GPU before it shards. Here its state is made as it makes it there, but for the device; the
training arguments then take that state as it is (`use_configured_state`).
"""

from datetime import timedelta
from typing import Any

from accelerate.state import AcceleratorState, DistributedType, PartialState

from swift_lib.core import environment


def configure(deepspeed: dict[str, Any] | None, *, seconds: float) -> None:
    """Meet the other processes over gloo, for sharding by FSDP2, or by DeepSpeed with the configuration given.

    That is changed so that it needs no compiler. seconds: a collective call has.
    """
    AcceleratorState._reset_state(reset_partial_state=True)
    timeout = timedelta(seconds=seconds)
    if deepspeed is None:
        PartialState(cpu=True, timeout=timeout)
        PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU  # any kind that it may shard
        return
    deepspeed.setdefault("zero_force_ds_cpu_optimizer", False)  # theirs is compiled at the first use
    environment.put_default("DS_ACCELERATOR", "cpu")  # else it looks for a GPU at length and warns that there is none
    from swift_lib.trainers import deepspeed_patches  # noqa: PLC0415 - imports DeepSpeed, which few have

    deepspeed_patches.without_compiled_collectives()
    with environment.changed({"ACCELERATE_USE_DEEPSPEED": "true", "ACCELERATE_TORCH_DEVICE": "cpu"}):
        PartialState(cpu=False, backend="gloo", timeout=timeout)
