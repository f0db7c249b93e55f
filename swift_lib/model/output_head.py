"""Where a language model turns its last hidden states into logits, and how to put something else in that place."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

# What a probe puts in place of logits: enough to tell no change, a factor and a soft cap from anything else.
_PROBES = (0.0, 1.0, -1.0, 0.125, 7.5, -40.0, 1000.0, -(2.0**20))


@dataclass(frozen=True)
class OutputHead:
    """logits = softcap * tanh(scale * linear(hidden) / softcap); without a softcap scale * linear(hidden)."""

    linear: torch.nn.Linear
    scale: float = 1.0
    softcap: float | None = None

    def is_like(self, other: "OutputHead") -> bool:
        """Whether both come to the same."""
        pairs = ((self.scale, other.scale), (self.softcap or 0.0, other.softcap or 0.0))
        return self.linear is other.linear and all(math.isclose(*pair, rel_tol=1e-5) for pair in pairs)


def declared_head(model: torch.nn.Module) -> OutputHead | None:
    """The output head of a causal language model, however wrapped (peft, DDP, DeepSpeed, FSDP), as its config has it.

    None where the head is no plain linear layer (LoRA on it, quantised, hooked by accelerate), or where the model's
    Python code is not what runs, once, on each call. Whether the config tells all: see `recognise`.
    """
    linear = _plain_linear(model)
    if linear is None or _is_rewritten(model):
        return None
    config = _unwrapped(model).config.get_text_config()
    scale = getattr(config, "logit_scale", None) or getattr(config, "lm_head_multiplier", None) or 1.0
    scale /= getattr(config, "logits_scaling", None) or 1.0
    return OutputHead(linear, float(scale), getattr(config, "final_logit_softcapping", None))


@contextmanager
def head_replaced(linear: torch.nn.Linear, forward: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """Let `forward` answer for the head. The head stays a module of its model, so that hooks on it fire as ever.

    That matters where weights are gathered for a module's forward pass only (ZeRO-3, FSDP): `forward` sees them.
    """
    assert "forward" not in vars(linear)
    vars(linear)["forward"] = forward
    try:
        yield
    finally:
        del vars(linear)["forward"]


def probe(linear: torch.nn.Linear) -> torch.Tensor:
    """Known numbers to give to the model as its head's output: (1, probes, vocabulary), float32."""
    known = torch.tensor(_PROBES, device=linear.weight.device)[None, :, None]
    return known.expand(1, len(_PROBES), linear.out_features)


def recognise(linear: torch.nn.Linear, logits: torch.Tensor) -> OutputHead | None:
    """The head of a model that makes these logits of `probe`: with a factor (Cohere, Granite), a soft cap (Gemma 2).

    None where anything else happened to them, such as other changes at some entries of the vocabulary.
    """
    if logits.shape != (1, len(_PROBES), linear.out_features):
        return None
    tolerance = 1e-5 if logits.dtype == torch.float32 else 1e-2
    answers, known = logits.detach()[0].double().cpu(), torch.tensor(_PROBES, dtype=torch.float64)
    scale, largest = float(answers[1, 0]), float(answers[-1, 0].abs())
    candidates = [OutputHead(linear, scale)]
    if 0 < scale < largest:
        # Capped: what became of 1 is cap * tanh(scale / cap), of the last one -cap.
        candidates.append(OutputHead(linear, largest * math.atanh(scale / largest), largest))
    for head in candidates:
        expected = head.scale * known
        if head.softcap is not None:
            expected = head.softcap * torch.tanh(expected / head.softcap)
        if torch.allclose(answers, expected[:, None].expand_as(answers), rtol=tolerance, atol=1e-6):
            return head
    return None


def is_whole(weight: torch.Tensor) -> bool:
    """Whether it is a plain tensor, no part of one that lies on several devices and no quantised one."""
    return type(weight) in (torch.nn.Parameter, torch.Tensor) and not weight.is_meta


def _unwrapped(model: Any) -> Any:
    # By its place, since DeepSpeed's wrapper answers for all that the model inside has.
    while "module" in model._modules:
        model = model._modules["module"]
    return model


def _plain_linear(model: torch.nn.Module) -> torch.nn.Linear | None:
    inner = _unwrapped(model)
    head: Any = inner.get_output_embeddings() if hasattr(inner, "get_output_embeddings") else None
    copies = getattr(head, "modules_to_save", None)  # peft trains a copy of the head beside the original
    if isinstance(copies, torch.nn.ModuleDict):
        active = head.active_adapters
        if len(active) != 1 or active[0] not in copies or head.disable_adapters:
            return None
        head = copies[active[0]]
    # A subclass may add to a linear layer (FSDP's do), as long as it computes the same.
    if not isinstance(head, torch.nn.Linear) or type(head).forward is not torch.nn.Linear.forward:
        return None
    return None if "forward" in vars(head) or not head.weight.is_floating_point() else head


def _is_rewritten(model: torch.nn.Module) -> bool:
    if isinstance(model, torch.nn.DataParallel):  # runs copies of the model in threads
        return True
    return any(hasattr(part, "_orig_mod") or part._compiled_call_impl is not None for part in model.modules())
