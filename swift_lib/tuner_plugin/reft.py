"""ReFT (Wu et al. 2024, arXiv:2404.03592): hidden states edited between layers, weights untouched.

LoReFT (eq. 2): h + R^T (W h + b - R h) with orthonormal rows of R; DiReFT (eq. 3) leaves out both orthogonality and the
term R h. The edit is made at every position behind each chosen layer.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from transformers.activations import ACT2FN

from swift_lib.core.errors import ArgumentError
from swift_lib.tuner_plugin.in_place import InPlaceTuner, layer_list, text_architecture

_NAME = "reft"


class Form(NamedTuple):
    """What sets one intervention apart from LoReFT."""

    orthonormal: bool = True
    subtracts: bool = True  # the term - R h
    source: str = "linear"  # W h + b, or only b


FORMS = {
    "LoreftIntervention": Form(),
    "NoreftIntervention": Form(orthonormal=False),
    "ConsreftIntervention": Form(source="constant"),
    "LobireftIntervention": Form(source="constant", subtracts=False),
    "DireftIntervention": Form(subtracts=False),
    "NodireftIntervention": Form(orthonormal=False, subtracts=False),
}


class Intervention(torch.nn.Module):
    """Maps hidden states (..., width) to edited ones; float32 inside, since R is kept orthonormal."""

    def __init__(self, width: int, rank: int, form: Form, dropout: float, activation: str | None) -> None:
        super().__init__()
        self.form = form
        self.rotate = torch.nn.Parameter(torch.nn.init.orthogonal_(torch.empty(rank, width)))
        if form.source == "linear":
            self.source = torch.nn.Linear(width, rank)
        else:
            self.constant = torch.nn.Parameter(torch.zeros(rank))
        self.act = ACT2FN[activation] if activation else torch.nn.Identity()
        self.dropout = torch.nn.Dropout(dropout)
        self._start_as_nothing()

    @torch.no_grad()
    def _start_as_nothing(self) -> None:
        """Let the edit begin as zero where its form can be zero: W = R with the term - R h, else W = 0."""
        if self.form.source == "linear":
            self.source.weight.copy_(self.rotation() if self.form.subtracts else torch.zeros(()))
            self.source.bias.zero_()

    def rotation(self) -> torch.Tensor:
        """R of shape (rank, width). Orthonormal rows are those of a QR decomposition with a positive diagonal, which
        the length of the trained ones, and so weight decay, has no influence on."""
        if not self.form.orthonormal:
            return self.rotate
        q, r = torch.linalg.qr(self.rotate.T)
        return (q * r.diagonal().sign()).T

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """The sum of hidden states and edit, in the precision of `hidden`."""
        with torch.autocast(hidden.device.type, enabled=False):
            state, rotation = hidden.float(), self.rotation()
            source = self.act(self.source(state)) if self.form.source == "linear" else self.act(self.constant)
            edit = source - torch.nn.functional.linear(state, rotation) if self.form.subtracts else source
            return hidden + self.dropout(edit @ rotation).to(hidden.dtype)


class ReftTuner(InPlaceTuner):
    """`--reft_layers`, `--reft_rank`, `--reft_intervention_type`."""

    name = "reft"

    @classmethod
    def options(cls, args: Any, model: Any) -> dict[str, Any]:
        """ArgumentError for layers that the model does not have, and for options that no intervention has."""
        layers = args.reft_layer_key or text_architecture(model, cls.name, "module_list").module_list
        count = len(layer_list(model, layers))
        chosen = list(args.reft_layers) or list(range(count))
        further = dict(_further(args.reft_args))
        wrong = [number for number in chosen if not 0 <= number < count]
        if wrong:
            raise ArgumentError([f"--reft_layers: the model has layers 0 to {count - 1}, not {wrong[0]}"])
        return {"layer_key": layers, "layers": chosen, "rank": args.reft_rank, "form": args.reft_intervention_type,
                "dropout": 0.0, "act_fn": None, **further}  # fmt: skip

    @classmethod
    def build(cls, model: Any, options: dict[str, Any]) -> list[str]:
        """Hang an intervention on each chosen layer."""
        width, form = model.config.get_text_config().hidden_size, FORMS[options["form"]]
        layers = layer_list(model, options["layer_key"])
        for number in options["layers"]:
            module = Intervention(width, options["rank"], form, options["dropout"], options["act_fn"])
            layers[number].add_module(_NAME, module.to(next(layers[number].parameters()).device))
            layers[number].register_forward_hook(_through_intervention)
        return [f"{options['layer_key']}.{number}.{_NAME}" for number in options["layers"]]


def _through_intervention(module: torch.nn.Module, inputs: Any, output: Any) -> Any:
    edit: Any = module.get_submodule(_NAME)
    return (edit(output[0]), *output[1:]) if isinstance(output, tuple) else edit(output)


def _further(text: str | None) -> Iterator[tuple[str, Any]]:
    try:
        given = json.loads(text or "{}")
    except ValueError as error:
        raise ArgumentError([f"--reft_args: not JSON: {error}"]) from error
    if not isinstance(given, dict) or set(given) - {"dropout", "act_fn"}:
        raise ArgumentError([f"--reft_args: must be a JSON object of dropout and act_fn, got {text}"])
    if given.get("act_fn") and given["act_fn"] not in ACT2FN:
        raise ArgumentError([f"--reft_args: act_fn must be one of {', '.join(sorted(ACT2FN))}"])
    yield from given.items()
