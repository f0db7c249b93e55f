"""What an optimizer is, how a name becomes one, and which one a run gets that names none."""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import transformers

from swift_lib.core.errors import ArgumentError, ContractError, first_line
from swift_lib.core.signatures import accepts, construct
from swift_lib.optimizers.mapping import optimizers_map

_FUNCTION_FORM = "(args, model, dataset) -> (optimizer, scheduler or None)"


class OptimizerCallback:
    """Makes the optimizer and the scheduler of a run; this one as transformers' Trainer does.

    A plugin derives from it and overrides `create_optimizer`. args: the flat, read-only arguments; trainer: the live
    trainer, whose `args` are transformers' with the values in force.
    """

    def __init__(self, args: Any, trainer: Any) -> None:
        self.args, self.trainer = args, trainer

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """The optimizer of `model`, None for the trainer's: what --optim names, with and without weight decay."""
        with _optim_errors(self.trainer.args):
            return transformers.Trainer.create_optimizer(self.trainer, model)

    def create_scheduler(self, num_training_steps: int, optimizer: Any) -> Any:
        """The scheduler of `optimizer` that --lr_scheduler_type names. Raises ArgumentError for options it lacks."""
        args = self.trainer.args
        try:
            return transformers.get_scheduler(
                args.lr_scheduler_type,
                optimizer=optimizer,
                num_warmup_steps=args.get_warmup_steps(num_training_steps),
                num_training_steps=num_training_steps,
                scheduler_specific_kwargs=args.lr_scheduler_kwargs,
            )
        except (TypeError, ValueError) as error:
            name = getattr(args.lr_scheduler_type, "value", args.lr_scheduler_type)
            raise ArgumentError(
                [f"--lr_scheduler_type: {name} with --lr_scheduler_kwargs {args.lr_scheduler_kwargs or '{}'}: {error}"]
            ) from error

    def create_optimizer_and_scheduler(self, num_training_steps: int) -> None:
        """Give the trainer both."""
        self.trainer.optimizer = _created(self, None)
        self.trainer.lr_scheduler = self.create_scheduler(num_training_steps, self.trainer.optimizer)

    def classes(self, model: Any) -> tuple[type[torch.optim.Optimizer], dict[str, Any]]:
        """Class and keywords (lr, betas, eps ...) of what --optim names, for groups of one's own."""
        with _optim_errors(self.trainer.args):
            cls, keywords = self.trainer.get_optimizer_cls_and_kwargs(self.trainer.args, model)
        own = {"params", "model", "optimizer_dict"} & set(keywords)
        if own or not (isinstance(cls, type) and issubclass(cls, torch.optim.Optimizer)):
            raise ArgumentError([f"--optim: {self.trainer.args.optim} groups by itself; use --optimizer default"])
        return cls, dict(keywords)


@contextmanager
def _optim_errors(args: Any) -> Iterator[None]:
    """A package that is not installed, and options or devices that it refuses, are one line."""
    try:
        yield
    except (ImportError, ValueError, RuntimeError) as error:
        name = getattr(args.optim, "value", args.optim)
        raise ArgumentError([f"--optim: {name}: {first_line(error)}"]) from error


def require_whole_matrices(optimizer: str, trainer: Any) -> None:
    """Raise ArgumentError where the processes hold slices of weights: what it does, it does to whole matrices."""
    for flag, is_on in (("deepspeed", trainer.is_deepspeed_enabled), ("fsdp", trainer.is_fsdp_enabled)):
        if is_on:
            raise ArgumentError([f"--{flag}: cuts the matrices that --optimizer {optimizer} works on; leave it out"])


class _Adapted(OptimizerCallback):
    """A user's class behind one face: called as its signature says, and what it makes is looked at."""

    def __init__(self, own: OptimizerCallback, args: Any, trainer: Any) -> None:
        super().__init__(args, trainer)
        self.own = own

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """What the user's class makes, of either method."""
        if _overrides(self.own, "create_optimizer_and_scheduler"):
            self.own.create_optimizer_and_scheduler(self.trainer.state.max_steps)
            return _require_optimizer(self.trainer.optimizer, type(self.own).__qualname__)
        return _created(self.own, model)

    def create_scheduler(self, num_training_steps: int, optimizer: Any) -> Any:
        """The user's, or transformers' in its place."""
        made = self.own.create_scheduler(num_training_steps, optimizer)
        return made if made is not None else self.trainer.lr_scheduler


class _FromFunction(OptimizerCallback):
    """A function of the 3.0 documents, called once."""

    def __init__(self, function: Callable[..., Any], args: Any, trainer: Any) -> None:
        super().__init__(args, trainer)
        self.function = function
        self._scheduler: Any = None

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Call it with the flat arguments, the wrapped model and the training rows (None where they stream)."""
        rows = self.trainer.train_dataset
        dataset = rows if hasattr(rows, "__len__") else None
        made = self.function(self.args, self.trainer.model if model is None else model, dataset)
        if not isinstance(made, tuple) or len(made) != 2:
            raise ContractError(
                f"optimizer function {self.function.__name__} returned {type(made).__name__}",
                fix=f"write it as {_FUNCTION_FORM}",
            )
        optimizer, self._scheduler = made
        return _require_optimizer(optimizer, self.function.__name__)

    def create_scheduler(self, num_training_steps: int, optimizer: Any) -> Any:
        """The one that it gave, else the one that --lr_scheduler_type names."""
        return (
            self._scheduler if self._scheduler is not None else super().create_scheduler(num_training_steps, optimizer)
        )


def check_optimizer(name: str, thing: Any) -> None:
    """Raise ContractError unless it is an OptimizerCallback class or a function of the 3.0 documents."""
    if isinstance(thing, type):
        if not issubclass(thing, OptimizerCallback):
            raise ContractError(
                f"optimizer {name!r} is the class {thing.__qualname__}, which is no OptimizerCallback",
                fix="derive it from swift_lib.optimizers.OptimizerCallback and return the optimizer from"
                f" create_optimizer, or register a function {_FUNCTION_FORM}",
            )
        return
    if not callable(thing):
        raise ContractError(f"optimizer {name!r} is {thing!r}", fix=f"register a class or a function {_FUNCTION_FORM}")
    try:
        inspect.signature(thing).bind("args", "model", "dataset")
    except TypeError as error:
        raise ContractError(
            f"optimizer {name!r} cannot be called with args, model and dataset: {error}",
            fix=f"write it as {_FUNCTION_FORM}",
        ) from error


def make_optimizer(name: str | None, args: Any, trainer: Any) -> OptimizerCallback:
    """The registered one; without a name the one that other arguments select, else transformers' own.

    Raises ArgumentError where they select several, or one that was not named.
    """
    selected = dict(_selected(args))
    if name is None and len(selected) > 1:
        (first, flag), (second, other) = list(selected.items())[:2]
        raise ArgumentError([f"{flag}: selects the optimizer {first}, and {other} selects {second}; choose one"])
    name = name or next(iter(selected), "default")
    entry = optimizers_map[name]
    if not isinstance(entry, type):
        return _FromFunction(entry, args, trainer)
    made = construct(entry, args, trainer)
    if not entry.__module__.startswith("swift_lib.optimizers."):
        return _Adapted(made, args, trainer)
    # Ours would pass over another's arguments without a word; a plugin's may well read them.
    if others := {key: flag for key, flag in selected.items() if key != name}:
        raise ArgumentError([f"{flag}: is for --optimizer {key}, not {name}" for key, flag in others.items()])
    return made


def _selected(args: Any) -> Iterator[tuple[str, str]]:
    """Optimizers, and the argument that asks for each, in the order of their rank."""
    if getattr(args, "lorap_lr_ratio", None):
        yield "lorap", "--lorap_lr_ratio"
    if getattr(args, "use_galore", False):
        yield "galore", "--use_galore"
    if getattr(args, "vit_lr", None) or getattr(args, "aligner_lr", None):
        yield "multimodal", "--vit_lr" if args.vit_lr else "--aligner_lr"


def _overrides(own: OptimizerCallback, method: str) -> bool:
    return getattr(type(own), method) is not getattr(OptimizerCallback, method)


def _created(own: OptimizerCallback, model: Any) -> torch.optim.Optimizer:
    """What `create_optimizer` returns, or leaves with the trainer."""
    made = own.create_optimizer(model) if accepts(own.create_optimizer, "model") else own.create_optimizer()
    return _require_optimizer(own.trainer.optimizer if made is None else made, type(own).__qualname__)


def _require_optimizer(thing: Any, who: str) -> torch.optim.Optimizer:
    if not isinstance(thing, torch.optim.Optimizer):
        raise ContractError(
            f"{who} made {type(thing).__name__}, not a torch.optim.Optimizer", fix="return the optimizer"
        )
    return thing
