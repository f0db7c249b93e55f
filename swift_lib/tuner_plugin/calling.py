"""How tuners are called, ours and those of plugins, which may have any of the documented forms."""

import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from swift_lib.core.errors import ModelError
from swift_lib.core.view import FlatView
from swift_lib.tuner_plugin.base import Tuner
from swift_lib.tuner_plugin.mapping import tuners_map
from swift_lib.tuner_plugin.peft_tuner import PeftTuner

_FUNCTIONS = ("prepare_model", "save_pretrained", "from_pretrained")
_OURS = "swift_lib."
CONFIG, ARGS = "adapter_config.json", "args.json"


def get_tuner(name: str) -> Any:
    """The tuner of that name, ready to be called: a class of plain methods is made an object."""
    entry: Any = tuners_map[name]
    if isinstance(entry, type) and any(_is_method(inspect.getattr_static(entry, function)) for function in _FUNCTIONS):
        return entry()
    return entry


def _is_method(function: Any) -> bool:
    """Whether it needs an object; a plain function without `self` is a static method whose decorator was left out."""
    if not inspect.isfunction(function):
        return False
    first = next(iter(inspect.signature(function).parameters), "")
    return first == "self"


# -- preparing -------------------------------------------------------------------------------------------------------


def prepare(tuner: Any, args: FlatView, model: Any, folder: str | None = None) -> Any:
    """The model to train: new, or gone on with from a folder that the tuner wrote.

    The tuner gets `args` with that folder as its adapter. ModelError where nothing is left to train.
    """
    view = FlatView({**{name: getattr(args, name) for name in args}, "adapters": [folder] if folder else []})
    if folder is None or getattr(tuner.prepare_model, "__module__", "").startswith(_OURS):
        tuned = tuner.prepare_model(view, model)  # ours look at args.adapters
    else:
        tuned = _load(tuner, model, folder, is_trainable=True)
    if not any(parameter.requires_grad for parameter in tuned.parameters()):
        raise ModelError(
            "The tuner left nothing to train",
            where=f"--tuner_type {args.tuner_type}",
            fix="prepare_model has to set requires_grad, from_pretrained with is_trainable=True as well",
        )
    return tuned


def _load(tuner: Any, model: Any, folder: str, is_trainable: bool) -> Any:
    takes = _parameters(tuner.from_pretrained)
    options = {"is_trainable": True} if is_trainable and ("is_trainable" in takes or _is_open(takes)) else {}
    return tuner.from_pretrained(model, folder, **options)


def changes_base(tuner: Any, args: FlatView, folder: str | None) -> bool:
    """Whether preparing changes the weights that are then frozen."""
    return hasattr(tuner, "changes_base") and bool(tuner.changes_base(args, folder))


# -- saving ----------------------------------------------------------------------------------------------------------


def save_with(tuner: Any, model: Any, folder: str, state_dict: dict[str, Any] | None, sharded: bool) -> None:
    """Write what was trained.

    `state_dict` is passed where the signature names it; where it only has `**kwargs`, if `sharded`: then no process
    holds the weights, and nothing else does.
    """
    takes = _parameters(tuner.save_pretrained)
    if "state_dict" in takes or (sharded and _is_open(takes)):
        tuner.save_pretrained(model, folder, state_dict=state_dict)
    else:
        tuner.save_pretrained(model, folder)


def require_savable(tuner: Any, sharded: bool) -> None:
    """Refuse, before training, a tuner that cannot be handed weights that no single process holds. ModelError."""
    takes = _parameters(tuner.save_pretrained)
    if sharded and "state_dict" not in takes and not _is_open(takes):
        name = getattr(tuner, "__name__", type(tuner).__name__)
        raise ModelError(
            f"{name}.save_pretrained takes no state_dict, and the weights are spread over processes",
            where="--tuner_type, --deepspeed, --fsdp",
            fix="add a parameter state_dict=None to it, or train without sharding (zero2 at most)",
        )


# -- reading back ----------------------------------------------------------------------------------------------------


def load_weights(tuner: Any, model: Any, folder: str, load_base: Callable[[], Any] | None) -> bool:
    """Read a checkpoint's weights into the model in training; False where transformers' own way is to be taken.

    What a plugin wrote in a form of its own is read by its `from_pretrained`, onto a base loaded anew.
    """
    if hasattr(tuner, "load_weights"):
        tuner.load_weights(model, folder)
        return True
    if hasattr(model, "peft_config") or Path(folder, "config.json").is_file() or load_base is None:
        return False
    read = _load(tuner, load_base(), folder, is_trainable=True)
    problem = ""
    try:
        missing = model.load_state_dict(read.state_dict(), strict=False)
        problem = ", ".join([*missing.missing_keys, *missing.unexpected_keys][:3])
    except RuntimeError as error:  # shapes
        problem = " ".join(str(error).split())[:200]
    if problem:
        raise ModelError(
            f"from_pretrained made another model of the checkpoint than the one in training ({problem})",
            where=folder,
            fix="give the tuner a function load_weights(model, folder)",
        )
    return True


def saved_kind(folder: str | Path) -> tuple[str | None, str | None]:
    """What wrote an adapter folder: (--tuner_type of its run, peft's name of the kind), None for what is not told."""
    found: list[str | None] = []
    for file, key in ((ARGS, "tuner_type"), (CONFIG, "peft_type")):
        try:
            stored = json.loads(Path(folder, file).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            stored = {}
        found.append(stored.get(key) if isinstance(stored, dict) else None)
    return found[0], found[1]


def tuner_of(folder: str | Path) -> Any:
    """The tuner that reads an adapter folder. ModelError where there is no adapter, or a plugin is missing."""
    name, kind = saved_kind(folder)
    if name is not None and name in tuners_map and name != "full":
        return get_tuner(name)
    if name not in (None, "full"):
        raise ModelError(
            f"The adapter was made with the tuner {name!r}, which is not known here",
            where=str(folder),
            fix="give the file that brings it as --external_plugins",
        )
    if kind is None:
        raise ModelError("there is no adapter", where=str(folder), fix=f"name a folder that holds {CONFIG}")
    return get_tuner(kind.lower()) if kind.lower() in tuners_map else PeftTuner


def load_adapter(model: Any, folder: str | Path, *, is_trainable: bool = False) -> Any:
    """The base with an adapter folder read into it or beside it, by the tuner that wrote it."""
    return _load(tuner_of(folder), model, str(folder), is_trainable)


def merge_with(tuner: Any, model: Any) -> Any:
    """The plain model of one that `load_adapter` returned. ValueError where its weights are not finite."""
    return tuner.merge(model) if hasattr(tuner, "merge") else model.merge_and_unload(safe_merge=True)


def is_built_in(tuner: Any) -> bool:
    """Whether a tuner is one of ours."""
    return (tuner if isinstance(tuner, type) else type(tuner)).__module__.startswith(_OURS) and tuner is not Tuner


def _parameters(function: Any) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters


def _is_open(parameters: Mapping[str, inspect.Parameter]) -> bool:
    return any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values())
