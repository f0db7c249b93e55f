"""Muon for the matrices inside the network, AdamW for everything else."""

from collections.abc import Callable, Mapping
from typing import Any

import torch

from swift_lib.core.errors import ArgumentError
from swift_lib.core.types import TASK_HEADS
from swift_lib.optimizers.base import OptimizerCallback, require_whole_matrices

_HEADS = ("lm_head", *TASK_HEADS)  # output layers, under the names that models give them

Options = Mapping[str, Callable[[str], Any]]


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("true or false")
    return text.lower() == "true"


MUON_OPTIONS: Options = {"momentum": float, "nesterov": _truth, "ns_steps": int, "adjust_lr_fn": str}


class MuonWithAdamW(torch.optim.Optimizer):
    """torch's Muon and torch's AdamW as one optimizer, with one state_dict and one scheduler.

    matrices: groups for Muon (Jordan et al. 2024; scaled as in arXiv:2502.16982, section 2.2, so that AdamW's learning
    rate and decay fit); rest: groups for AdamW. muon, adamw: keywords of the two.
    """

    def __init__(
        self,
        matrices: list[dict[str, Any]],
        rest: list[dict[str, Any]],
        lr: float,
        muon: Mapping[str, Any],
        adamw: Mapping[str, Any],
    ) -> None:
        matrices = [{**group, "is_muon": True} for group in matrices]
        rest = [{**group, "is_muon": False} for group in rest]
        self._muon = torch.optim.Muon(matrices, lr=lr, **muon)
        self._adamw = torch.optim.AdamW(rest, lr=lr, **adamw) if rest else None
        groups = [*self._muon.param_groups, *(self._adamw.param_groups if self._adamw else ())]
        super().__init__(groups, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """One step of both."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for inner, is_muon in ((self._muon, True), (self._adamw, False)):
            if inner is not None:
                # State and groups are this object's; loading a checkpoint makes new ones.
                inner.state = self.state
                inner.param_groups = [group for group in self.param_groups if group["is_muon"] is is_muon]
                inner.step()
        return loss


class MuonOptimizerCallback(OptimizerCallback):
    """Muon for what has two dimensions and is neither an embedding nor an output layer, AdamW for the rest.

    `--optim_args momentum=0.95,nesterov=true,ns_steps=5,adjust_lr_fn=match_rms_adamw` are Muon's own options, with
    their defaults; everything else is AdamW's arguments.
    """

    name = "muon"
    options: Options = MUON_OPTIONS

    def __init__(self, args: Any, trainer: Any) -> None:
        super().__init__(args, trainer)
        require_whole_matrices(self.name, trainer)
        self.given = parse_options(trainer.args.optim_args or "", self.options, self.name)

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Groups: Muon's, AdamW's with decay, AdamW's without."""
        return MuonWithAdamW(*self.groups(self.trainer.model if model is None else model), **self.keywords())

    def keywords(self) -> dict[str, Any]:
        """What the optimizer is made with, beside its groups."""
        used = self.trainer.args
        muon = {"adjust_lr_fn": "match_rms_adamw"} | {k: v for k, v in self.given.items() if k in MUON_OPTIONS}
        adamw = {"betas": (used.adam_beta1, used.adam_beta2), "eps": used.adam_epsilon}
        return {"lr": used.learning_rate, "muon": muon, "adamw": adamw}

    def groups(self, model: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Muon's groups and AdamW's. Raises ArgumentError where there is no matrix."""
        decay = self.trainer.args.weight_decay
        decaying = set(self.trainer.get_decay_parameter_names(model))
        outer = _outer(model)
        named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
        matrices = [p for name, p in named if p.ndim == 2 and p not in outer]
        if not matrices:
            raise ArgumentError([f"--optimizer: {self.name} needs matrices to train, and there are none"])
        chosen = set(matrices)
        rest = {
            decays: [p for name, p in named if p not in chosen and (name in decaying) is decays]
            for decays in (True, False)
        }
        return (
            [{"params": matrices, "weight_decay": decay}],
            [{"params": rest[decays], "weight_decay": decay if decays else 0.0} for decays in rest if rest[decays]],
        )


def _outer(model: Any) -> set[torch.nn.Parameter]:
    """Parameters of embeddings and output layers, adapters' in them included."""
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    found: set[torch.nn.Parameter] = set()
    for name, module in model.named_modules():
        is_head = module is head or name.rpartition(".")[2] in _HEADS
        if is_head or isinstance(module, torch.nn.Embedding):
            found.update(module.parameters())
    return found | {p for name, p in model.named_parameters() if "lora_embedding_" in name}


def parse_options(text: str, options: Options, optimizer: str) -> dict[str, Any]:
    """`--optim_args` as keywords. Raises ArgumentError for a name or a value that the optimizer does not take."""
    found, problems = {}, []
    for word in text.replace(" ", "").split(","):
        name, equals, value = word.partition("=")
        if not word:
            continue
        if not equals or name not in options:
            problems.append(
                f"--optim_args: {optimizer} takes {', '.join(f'{key}=...' for key in options)}, not {word!r}"
            )
            continue
        try:
            found[name] = options[name](value)
        except ValueError:
            problems.append(f"--optim_args: {name} is a number or a word of another kind than {value!r}")
    if found.get("adjust_lr_fn", "original") not in ("original", "match_rms_adamw"):
        problems.append("--optim_args: adjust_lr_fn is original or match_rms_adamw")
    if problems:
        raise ArgumentError(problems)
    return found
