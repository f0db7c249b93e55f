"""What DeepSpeed has no switch for. Checked against DeepSpeed 0.19 only; another version is left as it is."""

import deepspeed
import deepspeed.ops


def without_compiled_collectives() -> None:
    """Let processes on CPUs speak over gloo alone: the collective calls that DeepSpeed would compile at the first use
    take minutes and a C++ compiler, and serve inference.
    """
    if deepspeed.__version__.startswith("0.19."):
        deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
