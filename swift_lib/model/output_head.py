"""Where a language model turns its last hidden states into logits, and how to put something else in that place."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

# What a probe feeds in place of logits: enough to tell no change, a factor and a soft cap from anything else.
_PROBES = (0.0, 1.0, -1.0, 0.125, 7.5, -40.0, 1e3, -1e6)
_PROBE_TOKENS = 8
_TEXT = {"input_ids", "attention_mask", "position_ids"}


@dataclass(frozen=True)
class OutputHead:
    """logits = softcap * tanh(scale * linear(hidden) / softcap); without a softcap scale * linear(hidden)."""

    linear: torch.nn.Linear
    scale: float = 1.0
    softcap: float | None = None


def find_head(model: torch.nn.Module, inputs: Mapping[str, Any]) -> OutputHead | None:
    """The output head of a causal language model, however wrapped (peft, DDP, DeepSpeed, FSDP); None: use its logits.

    inputs: what the model is called with, without labels. What the model does with the head's output is found out by
    one forward pass without gradients over a few of their tokens, in which the head answers with known numbers: a
    factor (Cohere, Granite) and a soft cap (Gemma 2) are recognised. None where the head is no plain linear layer
    (LoRA on it, quantised, hooked by accelerate), is called more or less than once, or anything else happens to
    its output; where the model is compiled or replicated in threads.
    """
    linear = _plain_linear(model)
    if linear is None or _is_rewritten(model):
        return None
    seen: list[tuple[torch.Tensor, bool]] = []
    values = torch.tensor(_PROBES)

    def answer(hidden: torch.Tensor) -> torch.Tensor:
        seen.append((hidden, type(linear.weight) in (torch.nn.Parameter, torch.Tensor)))
        known = values.to(hidden.device)[None, :, None]
        return known.expand(1, len(_PROBES), linear.out_features).contiguous()

    few = _few_tokens(inputs)
    with _evaluating(model), torch.no_grad(), head_replaced(linear, answer):
        logits = model(**few).logits
    if len(seen) != 1 or not seen[0][1] or seen[0][0].shape[:2] != few["input_ids"].shape:
        return None
    if logits.shape != (1, len(_PROBES), linear.out_features):
        return None
    return _recognise(linear, logits[0].double().cpu())


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


def _plain_linear(model: torch.nn.Module) -> torch.nn.Linear | None:
    while not hasattr(model, "get_output_embeddings") and isinstance(getattr(model, "module", None), torch.nn.Module):
        model = model.module
    head: Any = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
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
    """Whether the model's Python code is not what runs, once, on each call."""
    if isinstance(model, torch.nn.DataParallel):
        return True
    return any(hasattr(part, "_orig_mod") or part._compiled_call_impl is not None for part in model.modules())


def _few_tokens(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The first tokens of the first row; all inputs where there are others than a text's, which would not fit."""
    tensors = {name: value for name, value in inputs.items() if value is not None}
    if set(tensors) <= _TEXT and all(value.ndim == 2 for value in tensors.values()):
        return {name: value[:1, :_PROBE_TOKENS] for name, value in tensors.items()}
    return tensors


@contextmanager
def _evaluating(model: torch.nn.Module) -> Iterator[None]:
    """Without dropout: a probe must draw no random number, or a resumed run would draw others."""
    training = [part for part in model.modules() if part.training]
    model.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _recognise(linear: torch.nn.Linear, answers: torch.Tensor) -> OutputHead | None:
    """answers: (probes, vocabulary), what became of the known numbers."""
    known = torch.tensor(_PROBES, dtype=torch.float64)
    scale, largest = float(answers[1, 0]), float(answers[-1, 0].abs())
    candidates = [OutputHead(linear, scale)]
    if 0 < largest < abs(_PROBES[-1]) and scale < largest:
        # Capped: what became of 1 is cap * tanh(scale / cap).
        candidates.append(OutputHead(linear, round(largest * math.atanh(scale / largest), 6), largest))
    for head in candidates:
        expected = head.scale * known
        if head.softcap is not None:
            expected = head.softcap * torch.tanh(expected / head.softcap)
        if torch.allclose(answers, expected[:, None].expand_as(answers), rtol=1e-5, atol=1e-6):
            return head
    return None
