"""The loss of a causal language model inside its own forward pass, without its logits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from swift_lib.loss.chunked import ChunkedLoss, chunked_cross_entropy, cross_entropy_of_logits
from swift_lib.model.output_head import OutputHead, declared_head, head_replaced, is_whole, probe, recognise


@dataclass(frozen=True)
class TokenLoss:
    """loss: scalar; outputs: the model's, with logits (batch, 0, vocabulary) where they were not made.

    correct and each as in `loss.chunked.ChunkedLoss`, where they were asked for.
    """

    loss: torch.Tensor
    outputs: Any
    correct: torch.Tensor | None = None
    each: torch.Tensor | None = None


class FusedLoss:
    """Cross entropy of a model's batch, computed where the model would make its logits, or from them where it must.

    It goes through the (wrapped) model's own call, so what DDP, DeepSpeed, FSDP, peft and gradient checkpointing hang
    on it happens. What a model does to its logits is taken from its config, and checked in the first forward pass, in
    which it gets known numbers for them: a model that does anything else is asked for its logits from then on.
    """

    def __init__(self, *, dft: bool = False, keep_logits: bool = False) -> None:
        self._dft = dft
        self._head: OutputHead | None = None
        self._is_known = keep_logits

    def __call__(
        self,
        model: torch.nn.Module,
        inputs: Mapping[str, Any],
        labels: torch.Tensor,
        *,
        loss_scale: torch.Tensor | None = None,
        num_items_in_batch: torch.Tensor | float | None = None,
        want_accuracy: bool = False,
        want_each: bool = False,
    ) -> TokenLoss:
        """inputs: what the model takes, without labels; the rest as in `loss.chunked.chunked_cross_entropy`.

        labels and loss_scale may be one longer than the inputs: then the last one is of the token that follows them.
        """
        options: dict[str, Any] = {
            "loss_scale": loss_scale, "num_items_in_batch": num_items_in_batch, "dft": self._dft,
            "want_accuracy": want_accuracy, "want_each": want_each,
        }  # fmt: skip
        if not self._is_known:
            self._head, self._is_known = declared_head(model), True
            if self._head is not None:
                before = _random_states(labels.device)
                found, self._head = _fused(self._head, model, inputs, labels, options, first=True)
                if found is not None:
                    return found
                _restore(labels.device, before)  # what was drawn is drawn again: a resumed run draws the same
        if self._head is None:
            outputs = model(**inputs)
            longer = labels.shape[1] - outputs.logits.shape[1]
            logits = torch.nn.functional.pad(outputs.logits, (0, 0, 0, longer)) if longer else outputs.logits
            return _token_loss(cross_entropy_of_logits(logits, labels, **options), outputs)
        result, _ = _fused(self._head, model, inputs, labels, options)
        assert result is not None
        return result


def _fused(
    head: OutputHead,
    model: torch.nn.Module,
    inputs: Mapping[str, Any],
    labels: torch.Tensor,
    options: dict[str, Any],
    first: bool = False,
) -> tuple[TokenLoss | None, OutputHead | None]:
    """The loss, and the head that the first pass found; no loss where that is another one, or none."""
    linear, found, calls = head.linear, list[ChunkedLoss](), 0

    def forward(hidden: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if hidden.shape[1] == labels.shape[1] - 1:
            hidden = torch.nn.functional.pad(hidden, (0, 0, 0, 1))
        if first and (calls > 1 or hidden.shape[:2] != labels.shape or not is_whole(linear.weight)):
            return probe(linear)
        assert calls == 1 and hidden.shape[:2] == labels.shape
        result = chunked_cross_entropy(
            hidden,
            linear.weight,
            linear.bias,
            labels.to(hidden.device),
            logit_scale=head.scale,
            logit_softcap=head.softcap,
            **options,
        )
        found.append(result)
        return probe(linear) + 0.0 * result.loss if first else result.loss.reshape(1, 1, 1)

    with head_replaced(linear, forward):
        outputs = model(**inputs)
    if first:
        real = recognise(linear, outputs.logits) if found and calls == 1 else None
        if real is None or not real.is_like(head):
            return None, real
    # The way back leads through the model's output, where DDP, FSDP and DeepSpeed wait for it; it adds nothing.
    loss = found[0].loss + 0.0 * outputs.logits.sum()
    outputs.logits = loss.new_empty(labels.shape[0], 0, linear.out_features)
    return _token_loss(found[0]._replace(loss=loss), outputs), head


def _token_loss(result: ChunkedLoss, outputs: Any) -> TokenLoss:
    return TokenLoss(result.loss, outputs, result.correct, result.each)


def _random_states(device: torch.device) -> list[torch.Tensor]:
    states = [torch.get_rng_state()]
    return states if device.type == "cpu" else [*states, torch.get_device_module(device).get_rng_state(device)]


def _restore(device: torch.device, states: list[torch.Tensor]) -> None:
    torch.set_rng_state(states[0])
    if device.type != "cpu":
        torch.get_device_module(device).set_rng_state(states[1], device)
