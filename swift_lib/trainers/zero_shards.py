"""DeepSpeed's way of spreading: ZeRO stages 0 to 3 (Rajbhandari et al. 2020, arXiv:1910.02054)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import deepspeed
import torch
from deepspeed.utils import (
    lazy_init_hp_params_optimizer_state,
    safe_get_full_fp32_param,
    safe_get_full_optimizer_state,
    safe_set_full_fp32_param,
    safe_set_local_fp32_param,
    safe_set_local_optimizer_state,
)

from swift_lib.trainers.shards import OptimizerState, kept, named, numbered, take_options


class ZeroShards:
    """engine: what `deepspeed.initialize` made; names: of the optimizer's parameters before that, by group."""

    def __init__(self, engine: Any, names: Sequence[Sequence[str]]) -> None:
        self._zero = engine.optimizer
        self._names = names
        self._parameters = dict(engine.module.named_parameters())
        self._base = getattr(self._zero, "optimizer", self._zero)

    @property
    def _trained(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        return ((name, self._parameters[name]) for group in self._names for name in group)

    @property
    def _flats(self) -> list[torch.Tensor]:
        """This process's part of each group's parameters; [] where the optimizer holds the parameters themselves."""
        for attribute in (
            "fp32_partitioned_groups_flat",
            "single_partition_of_fp32_groups",
            "fp32_groups_flat_partition",
        ):
            if hasattr(self._zero, attribute):
                return list(getattr(self._zero, attribute))
        return []

    def whole(self, name: str, parameter: torch.nn.Parameter) -> torch.Tensor:
        """See Shards."""
        if parameter.requires_grad and parameter.dtype != torch.float32 and self._flats:
            return kept(safe_get_full_fp32_param(parameter))
        if not hasattr(parameter, "ds_id"):
            return kept(parameter)
        with deepspeed.zero.GatheredParameters([parameter]):
            return kept(parameter)

    def masters(self) -> Iterator[tuple[str, torch.Tensor]]:
        """See Shards."""
        for name, parameter in self._trained if self._flats else ():
            if parameter.dtype != torch.float32:
                yield name, kept(safe_get_full_fp32_param(parameter))

    def load_masters(self, masters: Mapping[str, torch.Tensor]) -> None:
        """See Shards."""
        for name, parameter in self._trained if self._flats else ():
            if name in masters and hasattr(parameter, "ds_id"):
                safe_set_local_fp32_param(parameter, _own_part(parameter, masters[name]))
            elif name in masters:
                safe_set_full_fp32_param(parameter, masters[name])

    def optimizer(self) -> OptimizerState:
        """See Shards."""
        flats = self._flats
        if not flats:
            return dict(self._base.state_dict())
        self._link_states()
        first: dict[str, Any] = next((self._base.state[flat] for flat in flats if self._base.state[flat]), {})
        shaped = [key for key, value in first.items() if isinstance(value, torch.Tensor) and value.dim()]
        counts = {key: float(value) for key, value in first.items() if key not in shaped}
        states = {
            name: {
                **{key: torch.tensor(count) for key, count in counts.items()},  # one each: an optimizer counts in place
                **{key: kept(safe_get_full_optimizer_state(parameter, key)) for key in shaped},
            }
            for name, parameter in (self._trained if first else ())
        }
        return numbered(self._base.param_groups, self._names, states)

    def load_optimizer(self, state: OptimizerState) -> None:
        """See Shards."""
        if not self._flats:
            self._base.load_state_dict(state)
            return
        states = named(state, self._names)
        if states:
            self._begin_states(next(iter(states.values())))
        for name, parameter in self._trained:
            for key, value in states.get(name, {}).items():
                if not value.dim():
                    continue
                if hasattr(parameter, "ds_id"):
                    safe_set_local_optimizer_state(parameter, _own_part(parameter, value), key)
                elif parameter._hp_mapping is not None:
                    parameter.set_full_hp_param(value, key)
        take_options(self._base.param_groups, state["param_groups"])

    def _begin_states(self, like: Mapping[str, torch.Tensor]) -> None:
        """State of the flat parts as after a step, all zero, for DeepSpeed makes it in its first step only."""
        group = self._base.param_groups[0]
        for flat in self._flats:
            state = self._base.state[flat]
            for key, value in like.items():
                if value.dim():
                    state[key] = torch.zeros_like(flat)
                elif isinstance(self._base, torch.optim.AdamW | torch.optim.Adam):
                    on_device = group.get("fused") or group.get("capturable")
                    state[key] = value.to(flat.device if on_device else "cpu", torch.float32, copy=True)
                else:
                    state[key] = int(value)  # DeepSpeed's own count steps so
        self._link_states()

    def _link_states(self) -> None:
        """Of stages 0 to 2. DeepSpeed does it after the first group's first step, when the others have no state yet."""
        groups = getattr(self._zero, "bit16_groups", getattr(self._zero, "bf16_groups", []))
        for parameters, flat in zip(groups, self._flats, strict=True) if groups else ():
            lazy_init_hp_params_optimizer_state(parameters, flat, self._base.state)


def _own_part(parameter: Any, whole: torch.Tensor) -> torch.Tensor:
    """What this process holds of a parameter of stage 3: an equal part, the last one filled up with zeros."""
    size = parameter.ds_tensor.numel()
    rank = torch.distributed.get_rank(group=parameter.ds_process_group)
    part = whole.flatten()[rank * size : (rank + 1) * size]
    return torch.nn.functional.pad(part, (0, size - part.numel())).to(parameter.ds_tensor.device)
