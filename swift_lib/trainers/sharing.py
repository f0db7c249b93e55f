"""How several processes share the memory of a training: ZeRO (Rajbhandari et al. 2020, arXiv:1910.02054) and FSDP."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swift_lib.trainers.fake_step import StepCost

# With half precision DeepSpeed's optimizer holds float32 copies of what is trained (section 3.1 of the paper: K = 12
# bytes for each parameter: the copy, two moments).
_MASTER_BYTES = 12


@dataclass(frozen=True)
class Sharing:
    """What is split over the processes. offload_*: it lies in the machine's memory instead of the device's.

    masters: the optimizer holds float32 copies where weights are in half precision.
    """

    name: str = "none"
    optimizer: bool = False
    gradients: bool = False
    weights: bool = False
    offload_optimizer: bool = False
    offload_weights: bool = False
    masters: bool = False


NONE = Sharing()
FSDP = Sharing("fsdp2", optimizer=True, gradients=True, weights=True)


@dataclass(frozen=True)
class Memory:
    """Bytes that one process takes on its device, as `StepCost` has them; other: of libraries and the like.

    gathered: weights of a layer that are put together while it computes.
    """

    weights: int
    gradients: int
    optimizer: int
    held: int
    saved: int
    loss: int
    backward: int
    gathered: int = 0
    other: int = 0

    @property
    def static(self) -> int:
        """What is there before the first batch, and stays."""
        return self.weights + self.optimizer + self.other

    @property
    def peak(self) -> int:
        """The most that is taken at once."""
        return self.static + self.gathered + max(self.held + self.saved + self.loss, self.backward, self.gradients)

    @property
    def peaks_in_loss(self) -> bool:
        """Whether the peak comes while the loss is computed; otherwise it comes in the backward pass."""
        return self.held + self.saved + self.loss >= max(self.backward, self.gradients)


def zero(stage: int, *, offload_optimizer: bool = False, offload_weights: bool = False) -> Sharing:
    """A stage of ZeRO: 1 splits the optimizer's state, 2 the gradients as well, 3 the weights as well."""
    return Sharing(
        f"zero{stage}" + "_offload" * (offload_optimizer or offload_weights),
        optimizer=stage >= 1,
        gradients=stage >= 2,
        weights=stage >= 3,
        offload_optimizer=offload_optimizer,
        offload_weights=offload_weights,
        masters=True,
    )


def chosen(deepspeed: Mapping[str, Any] | str | None, fsdp: Any) -> Sharing:
    """What --deepspeed and --fsdp ask for: the name of a preset, a JSON file, JSON text or its content."""
    if not deepspeed:
        return FSDP if fsdp else NONE
    if isinstance(deepspeed, str):
        if preset := re.fullmatch(r"zero(\d)(_offload)?", deepspeed):
            stage, offloaded = int(preset[1]), bool(preset[2])
            return zero(stage, offload_optimizer=offloaded, offload_weights=offloaded and stage == 3)
        text = deepspeed if deepspeed.lstrip().startswith("{") else Path(deepspeed).read_text(encoding="utf-8")
        deepspeed = json.loads(text)
        assert isinstance(deepspeed, dict)
    part = deepspeed.get("zero_optimization") or {}

    def offloads(what: str) -> bool:
        return (part.get(f"offload_{what}") or {}).get("device", "none") != "none"

    return zero(int(part.get("stage", 0)), offload_optimizer=offloads("optimizer"), offload_weights=offloads("param"))


def memory_of(
    cost: StepCost, sharing: Sharing = NONE, processes: int = 1, *, largest: int = 0, half: bool = False, other: int = 0
) -> Memory:
    """One process's share (table 1 of the paper). largest: bytes of the largest layer; half: weights of 2 bytes.

    Where weights are split, the layer that computes and the next one are there in whole.
    """
    optimizer = cost.trained * _MASTER_BYTES if sharing.masters and half else cost.optimizer
    weights = cost.weights // processes if sharing.weights else cost.weights
    parts = processes if sharing.gradients else 1
    gathered = 2 * largest if sharing.weights and (processes > 1 or sharing.offload_weights) else 0
    return Memory(
        weights=0 if sharing.offload_weights else weights,
        gradients=cost.gradients // parts,
        optimizer=0 if sharing.offload_optimizer else optimizer // (processes if sharing.optimizer else 1),
        held=cost.held // parts,
        saved=cost.saved,
        loss=cost.loss,
        backward=max(0, cost.backward - cost.gradients + cost.gradients // parts),
        gathered=gathered,
        other=other,
    )
