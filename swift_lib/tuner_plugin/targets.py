"""Which modules get an adapter, and which are trained in full beside it."""

import re
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any

import torch
from transformers.pytorch_utils import Conv1D

from swift_lib.core.errors import ArgumentError, ModelError
from swift_lib.core.types import TASK_HEADS
from swift_lib.tuner_plugin import parts

ALL_LINEAR, ALL_EMBEDDING, ALL_ROUTER, ALL_NORM = "all-linear", "all-embedding", "all-router", "all-norm"
_HEADS = ("lm_head", *TASK_HEADS)
_ROUTERS = ("gate", "router")  # last parts of names; a gated MLP's own is called gate_proj
_PEFT_TASKS = {
    "causal_lm": "CAUSAL_LM",
    "generative_reranker": "CAUSAL_LM",
    "seq_cls": "SEQ_CLS",
    "reranker": "SEQ_CLS",
    "prm": "TOKEN_CLS",
}


def find_all_linears(
    model: torch.nn.Module, *, freeze_llm: bool = False, freeze_vit: bool = True, freeze_aligner: bool = True
) -> list[str]:
    """Names of all linear layers but the output head, as peft takes them for target_modules.

    Ends of names where these mean no other module, else whole names. Of a multimodal model, the layers of the parts
    that are not frozen.
    """
    wanted = _linear_layers(model, _freezes(freeze_llm, freeze_vit, freeze_aligner))
    if parts.architecture(model) is not None:
        return sorted(wanted)
    others = {name for name, _ in model.named_modules()} - wanted
    ends = {name.rpartition(".")[2] for name in wanted}
    unclear = {end for end in ends if any(_ends_with(name, end) for name in others)}
    return sorted({end if (end := name.rpartition(".")[2]) not in unclear else name for name in wanted})


def get_multimodal_target_regex(
    model: torch.nn.Module,
    *,
    freeze_llm: bool = False,
    freeze_vit: bool = True,
    freeze_aligner: bool = True,
    include_embedding: bool = False,
) -> str:
    """A regular expression of the linear layers (and embeddings) in the parts of a multimodal model that are trained.

    ModelError for a model whose type does not say where its parts are.
    """
    keys = parts.architecture(model)
    if keys is None:
        raise ModelError(
            "The model's type does not say where language model, vision tower and aligner are",
            fix="set model_arch in its ModelMeta to a MultiModelKeys",
        )
    args = _freezes(freeze_llm, freeze_vit, freeze_aligner)
    pattern = parts.linear_layers(model, keys, args)
    if not include_embedding:
        return pattern
    return "|".join([pattern, *(re.escape(name) for name in sorted(_embeddings(model, args)))])


def target_modules(args: Any, model: torch.nn.Module) -> list[str] | str:
    """What `target_regex` or `target_modules` mean for this model. ArgumentError lists what it does not have."""
    names = {name for name, _ in model.named_modules()}
    if args.target_regex:
        if not any(re.fullmatch(args.target_regex, name) for name in names):
            raise ArgumentError([f"--target_regex: no module's whole name fits {args.target_regex!r}"])
        return str(args.target_regex)
    targets = list(args.target_modules)
    missing = [t for t in targets if t not in _KINDS and not any(_ends_with(name, t) for name in names)]
    if missing:
        ends = sorted({name.rpartition(".")[2] for name in _linear_layers(model, None)})
        raise ArgumentError(
            [f"--target_modules: the model has no {name!r}; its linear layers: {', '.join(ends)}" for name in missing]
        )
    keys = parts.architecture(model)
    if keys is not None:
        return _of_parts(targets, keys, args, model)
    if targets == [ALL_LINEAR]:
        return find_all_linears(model)
    return sorted({name for target in targets for name in _meant_by(target, args, model)})


def target_parameters(args: Any, model: torch.nn.Module) -> list[str] | None:
    """Parameters that get an adapter without a module of their own; None for none.

    ArgumentError lists names that the model does not have.
    """
    names = [name for name, _ in model.named_parameters()]
    missing = [end for end in args.target_parameters if not any(_ends_with(name, end) for name in names)]
    if missing:
        raise ArgumentError([f"--target_parameters: no parameter's name ends with {end!r}" for end in missing])
    found = list(args.target_parameters)
    if ALL_ROUTER in args.target_modules and not args.target_regex:
        linear = _linear_layers(model, None)
        found += [f"{name}.weight" for name in _routers(model) if name not in linear]
    return found or None


def modules_to_save(args: Any, model: torch.nn.Module) -> list[str] | None:
    """What is trained in full beside the adapter; None for nothing. ArgumentError lists what the model lacks."""
    names = [name for name, _ in model.named_modules()]
    missing = [t for t in args.modules_to_save if t not in _KINDS and not any(_ends_with(name, t) for name in names)]
    if missing:
        raise ArgumentError([f"--modules_to_save: the model has no {name!r}" for name in missing])
    return sorted({name for target in args.modules_to_save for name in _meant_by(target, args, model)}) or None


def peft_task(args: Any) -> str | None:
    """peft's name of the task, which decides about the head that is trained beside an adapter."""
    return _PEFT_TASKS.get(getattr(args, "task_type", None) or "causal_lm")


def _of_parts(targets: list[str], keys: Any, args: Any, model: torch.nn.Module) -> list[str] | str:
    """Of a multimodal model: the modules of the parts that are not frozen."""
    if targets == [ALL_LINEAR]:
        return parts.linear_layers(model, keys, args)
    found = set()
    for target in targets:
        whole = {name for end in _meant_by(target, args, model) for name in _named(model, end)}
        kept = {name for name in whole if not parts.is_frozen(name, keys, args)}
        if not kept:
            raise ArgumentError([f"--target_modules: every {target!r} is in a part that freeze_* keep as it is"])
        found |= kept
    return sorted(found)


def _meant_by(target: str, args: Any, model: torch.nn.Module) -> Iterable[str]:
    return _KINDS[target](model, args) if target in _KINDS else [target]


def _linear_layers(model: torch.nn.Module, args: Any) -> set[str]:
    """Whole names; of a multimodal model those of the parts that are trained, where `args` says which."""
    get_head = getattr(model, "get_output_embeddings", None)
    head = get_head() if get_head else None
    found = {
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) and module is not head and name.partition(".")[0] not in _HEADS
    }
    return _trained(found, model, args)


def _embeddings(model: torch.nn.Module, args: Any) -> set[str]:
    found = {name for name, module in model.named_modules() if isinstance(module, torch.nn.Embedding)}
    return _trained(found, model, args)


def _norms(model: torch.nn.Module, args: Any) -> set[str]:
    found = {
        name
        for name, module in model.named_modules()
        if "norm" in type(module).__name__.lower() and any(True for _ in module.parameters(recurse=False))
    }
    return _trained(found, model, args)


def _routers(model: torch.nn.Module) -> set[str]:
    """What sends tokens to experts: linear layers, and modules of one matrix. ArgumentError where there are none."""
    found = {
        name
        for name, module in model.named_modules()
        if name.rpartition(".")[2] in _ROUTERS and getattr(getattr(module, "weight", None), "ndim", 0) == 2
    }
    if not found:
        raise ArgumentError([f"--target_modules: {ALL_ROUTER} needs a mixture of experts; the model has no router"])
    return found


def _linear_routers(model: torch.nn.Module, args: Any) -> set[str]:
    return _routers(model) & _linear_layers(model, args)


def _trained(names: set[str], model: torch.nn.Module, args: Any) -> set[str]:
    keys = parts.architecture(model)
    if keys is None or args is None:
        return names
    return {name for name in names if parts.part_of(name, keys) and not parts.is_frozen(name, keys, args)}


_KINDS: dict[str, Callable[[torch.nn.Module, Any], set[str]]] = {
    ALL_LINEAR: _linear_layers,
    ALL_EMBEDDING: _embeddings,
    ALL_ROUTER: _linear_routers,
    ALL_NORM: _norms,
}


def _freezes(freeze_llm: bool, freeze_vit: bool, freeze_aligner: bool) -> Any:
    return SimpleNamespace(freeze_llm=freeze_llm, freeze_vit=freeze_vit, freeze_aligner=freeze_aligner)


def _named(model: torch.nn.Module, end: str) -> list[str]:
    return [name for name, _ in model.named_modules() if _ends_with(name, end)]


def _ends_with(name: str, end: str) -> bool:
    return name == end or name.endswith(f".{end}")
