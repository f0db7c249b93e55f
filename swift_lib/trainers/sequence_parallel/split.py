"""Groups of processes that share sequences, and the part of a batch that each of them takes."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.functional import pad
from transformers.masking_utils import find_packed_sequence_indices

from swift_lib.core.errors import TrainingError
from swift_lib.trainers.sequence_parallel.attention import NAME, Group, register

_IGNORED = -100
_ARGUMENT = "--sequence_parallel_size"
_LAYERS = {"full_attention", "sliding_attention"}
_TAKEN = {"input_ids", "attention_mask", "position_ids", "labels", "loss_scale"}


class SequenceParallel:
    """Every `size` processes that follow one another share their sequences.

    Make it in all processes at once, before the model is wrapped. data_rank of data_size: which rows a group reads.
    """

    def __init__(self, model: Any, size: int, rank: int, world_size: int) -> None:
        if world_size % size:
            raise TrainingError(
                f"{world_size} processes do not make groups of {size}", where=_ARGUMENT, fix="start a multiple of it"
            )
        require_parallel(model, size)
        groups = [torch.distributed.new_group(range(at, at + size)) for at in range(0, world_size, size)]
        self.size, self.part = size, rank % size
        self.data_rank, self.data_size = rank // size, world_size // size
        self._group = Group(size, groups[self.data_rank])
        register(self._group)
        model.set_attn_implementation(NAME)

    @contextmanager
    def step(self) -> Iterator[None]:
        """The time of a step, its way back included: outside of it each process computes attention for itself."""
        self._group.active = True
        calls = self._group.calls
        try:
            yield
        finally:
            self._group.active = False
            self._group.segments = None
        if self._group.calls == calls:
            raise TrainingError(
                "The model computes attention without transformers' attention interface, so its parts saw each "
                "themselves only",
                where=_ARGUMENT,
                fix="train without it",
            )

    def split(self, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """This process's part of a batch of input_ids, labels (batch, length) and so on.

        labels and loss_scale are those of the *next* tokens, which may be another process's, behind a place that trains
        nothing: (batch, part + 1), so that a loss that shifts them by one meets what each token predicts. The padding
        mask stays whole: attention sees all of the sequence.
        """
        foreign = sorted(set(inputs) - _TAKEN)
        if foreign:
            raise TrainingError(f"{', '.join(foreign)} cannot be cut into parts", where=_ARGUMENT, fix="leave it out")
        length = inputs["input_ids"].shape[1]
        missing = -length % self.size
        positions = inputs.get("position_ids")
        self._group.segments = None
        if positions is None:
            positions = torch.arange(length, device=inputs["input_ids"].device).expand_as(inputs["input_ids"])
        elif inputs.get("attention_mask") is None:
            self._group.segments = find_packed_sequence_indices(_filled(positions, missing, None))
        present = inputs.get("attention_mask")
        present = torch.ones_like(inputs["input_ids"]) if present is None else present
        found = {
            "input_ids": self._own(_filled(inputs["input_ids"], missing, 0)),
            "position_ids": self._own(_filled(positions, missing, None)),
            "attention_mask": _filled(present, missing, 0 if self._group.segments is None else 1),
        }
        for name, nothing in (("labels", _IGNORED), ("loss_scale", 0)):
            if inputs.get(name) is not None:
                following = pad(inputs[name][:, 1:], (0, missing + 1), value=nothing)
                found[name] = pad(self._own(following), (1, 0), value=nothing)
        return found

    def _own(self, values: torch.Tensor) -> torch.Tensor:
        return values.chunk(self.size, dim=1)[self.part]


def _filled(values: torch.Tensor, missing: int, filling: int | None) -> torch.Tensor:
    """With `missing` more at the end; None counts from 0, as the positions of one more row do."""
    if filling is not None or not missing:
        return pad(values, (0, missing), value=filling or 0)
    more = torch.arange(missing, device=values.device, dtype=values.dtype).expand(*values.shape[:-1], missing)
    return torch.cat([values, more], dim=-1)


def require_parallel(model: Any, size: int) -> None:
    """Raise TrainingError for a model whose sequences cannot be cut so."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_attention_heads", 0)
    layers = set(getattr(config, "layer_types", None) or ())
    reason = ""
    if not heads or heads % size:
        reason = f"{heads} attention heads cannot be dealt out to {size} processes"
    elif layers - _LAYERS:
        reason = f"layers of {', '.join(sorted(layers - _LAYERS))} read a sequence from its beginning"
    elif hasattr(model.config, "vision_config"):
        reason = "images are put into whole sequences"
    elif not getattr(model, "_supports_sdpa", False):
        reason = "the model has an attention of its own"
    elif model.config._attn_implementation not in ("sdpa", NAME):
        reason = f"attn_impl {model.config._attn_implementation!r} is not sdpa"
    if reason:
        raise TrainingError(
            f"Sequences of this model cannot be parallel: {reason}", where=_ARGUMENT, fix="leave it out"
        )
