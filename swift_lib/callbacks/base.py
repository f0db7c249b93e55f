"""What a callback is, and which ones a run gets."""

from collections.abc import Iterator, Sequence
from typing import Any

import transformers

from swift_lib.callbacks.mapping import callbacks_map, extra_callbacks
from swift_lib.core.errors import ContractError
from swift_lib.core.signatures import construct


class TrainerCallback(transformers.TrainerCallback):
    """transformers' callback, with `self.args`, the flat arguments, and `self.trainer`, the live trainer.

    An instance that a plugin file makes without them (`extra_callbacks = [Mine()]`) gets both when it is attached.
    """

    def __init__(self, args: Any = None, trainer: Any = None) -> None:
        self.args = args
        self.trainer = trainer


def check_callback(name: str, thing: Any) -> None:
    """Raise ContractError unless it is a callback class or an instance of one."""
    base = transformers.TrainerCallback
    if not (issubclass(thing, base) if isinstance(thing, type) else isinstance(thing, base)):
        raise ContractError(
            f"callback {name!r} must be a class derived from TrainerCallback, or an instance of one, not {thing!r}",
            fix="derive it from swift_lib.callbacks.TrainerCallback, or from transformers.TrainerCallback",
        )


def make_callbacks(names: Sequence[str], args: Any, trainer: Any) -> list[transformers.TrainerCallback]:
    """The callbacks of a run: those named, then those that other arguments ask for, then every `extra_callbacks`.

    A class is constructed as its signature says: (args, trainer), or without arguments.
    """
    wanted = [*names, *(name for name in _automatic(args) if name not in names)]
    entries = [callbacks_map[name] for name in wanted]
    for place, entry in enumerate(extra_callbacks):
        check_callback(f"extra_callbacks[{place}]", entry)
        entries.append(entry)
    return [_made(entry, args, trainer) for entry in entries]


def _automatic(args: Any) -> Iterator[str]:
    """The names that arguments of other groups stand for."""
    if getattr(args, "early_stop_interval", None):
        yield "early_stop"
    if getattr(args, "lisa_activated_layers", 0):
        yield "lisa"
    if getattr(args, "tuner_type", None) == "adalora":
        yield "adalora"
    fsdp = getattr(args, "fsdp_config", None)
    if isinstance(fsdp, dict) and fsdp.get("activation_cpu_offload"):
        yield "activation_cpu_offload"


def _made(entry: Any, args: Any, trainer: Any) -> transformers.TrainerCallback:
    callback = construct(entry, args, trainer) if isinstance(entry, type) else entry
    if isinstance(callback, TrainerCallback):
        # A plugin's instance has none, or another run's; a constructor may have forgotten its base.
        for name, value in (("args", args), ("trainer", trainer)):
            if callback is entry or getattr(callback, name, None) is None:
                setattr(callback, name, value)
    return callback
