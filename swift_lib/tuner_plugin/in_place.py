"""What our own tuners share: modules put into the model itself, which stays the class it was.

On disk they look like other adapters: adapter_config.json, which names the tuner and its options, and
adapter_model.safetensors with the tensors of those modules by their names in the model.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from safetensors.torch import load_file, save_file

from swift_lib.core.errors import ModelError
from swift_lib.core.types import TASK_HEADS, ModelKeys, MultiModelKeys
from swift_lib.tuner_plugin.base import Tuner

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


class InPlaceTuner(Tuner):
    """A subclass has a name, options and `build`."""

    name: ClassVar[str]

    @classmethod
    def options(cls, args: Any, model: Any) -> dict[str, Any]:
        """What `build` has to know, as JSON can hold it."""
        raise NotImplementedError

    @classmethod
    def build(cls, model: Any, options: dict[str, Any]) -> list[str]:
        """Put new modules into the model, so that it answers as before; returns their names."""
        raise NotImplementedError

    @classmethod
    def prepare_model(cls, args: Any, model: Any) -> torch.nn.Module:
        """Freeze the base, add what is trained, or go on from the folder in `args.adapters`."""
        if args.adapters:
            return cls.from_pretrained(model, args.adapters[0], is_trainable=True)
        return _built(cls, model, cls.options(args, model), is_trainable=True)

    @classmethod
    def save_pretrained(
        cls,
        model: Any,
        save_directory: str,
        state_dict: dict[str, Any] | None = None,
        safe_serialization: bool = True,
        **kwargs: Any,
    ) -> None:
        """Write the options and the new modules' tensors; always safetensors."""
        added, options = model.added_by_tuner
        state = model.state_dict() if state_dict is None else state_dict
        tensors = {name: value.detach().cpu().contiguous() for name, value in state.items() if _is_in(name, added)}
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
        config = {
            "peft_type": cls.name.upper(),
            "base_model_name_or_path": getattr(model, "name_or_path", None),
            "options": options,
        }
        (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def from_pretrained(cls, model: Any, model_id: str, **kwargs: Any) -> torch.nn.Module:
        """Add the modules that the folder tells of, with its tensors. ModelError where these do not fit."""
        folder = Path(model_id)
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        model = _built(cls, model, config["options"], is_trainable=bool(kwargs.get("is_trainable")))
        cls.load_weights(model, model_id)
        return model

    @classmethod
    def load_weights(cls, model: Any, folder: str) -> None:
        """A folder's tensors into the modules that `build` added."""
        expected = {name for name in model.state_dict() if _is_in(name, model.added_by_tuner[0])}
        tensors = load_file(Path(folder) / WEIGHTS)
        differing = sorted(expected ^ set(tensors))
        try:
            model.load_state_dict(tensors, strict=False)
        except RuntimeError as error:  # shapes
            differing = differing or [" ".join(str(error).split())[:200]]
        if differing:
            raise ModelError(
                f"The {cls.name} adapter does not fit this base model: {differing[0]}",
                where=folder,
                fix="give the base it was trained on as --model",
            )


def _built(tuner: type[InPlaceTuner], model: Any, options: dict[str, Any], is_trainable: bool) -> Any:
    if hasattr(model, "added_by_tuner"):
        raise ModelError(
            f"A second adapter cannot stand on one of type {tuner.name}", where="--adapters", fix="give one adapter"
        )
    model.requires_grad_(False)
    # The head of another task is new in the model, so it is trained and kept with the rest.
    added = [*tuner.build(model, options), *(name for name in TASK_HEADS if hasattr(model, name))]
    for name in added:
        model.get_submodule(name).requires_grad_(is_trainable)
    model.added_by_tuner = (tuple(added), options)
    return model


def _is_in(name: str, modules: tuple[str, ...]) -> bool:
    return any(name.startswith(f"{module}.") for module in modules)


def text_architecture(model: Any, tuner: str, *fields: str) -> Any:
    """Where the modules of the model are, with these fields filled in. ModelError for an architecture that lacks one,
    and for multimodal models."""
    meta = getattr(model, "model_meta", None)
    keys = getattr(meta, "model_arch", None)
    if isinstance(keys, MultiModelKeys):
        raise ModelError(
            f"{tuner} is for text models", where=f"--tuner_type {tuner}", fix="use --tuner_type lora for this model"
        )
    keys = _rooted(keys, model) if keys is not None else None
    missing = [field for field in fields if not getattr(keys, field, None)]
    if missing:
        raise ModelError(
            f"The model's type does not say where its {', '.join(missing)} are",
            where=f"--tuner_type {tuner}",
            fix="set model_arch in its ModelMeta, or use --tuner_type lora",
        )
    return keys


def _rooted(keys: ModelKeys, model: Any) -> ModelKeys:
    """The same names as they are in a model that was loaded without its head, and so without the first part."""
    if keys.module_list is None or keys.module_list in {name for name, _ in model.named_modules()}:
        return keys
    shorter = {name: path.partition(".")[2] for name, path in vars(keys).items() if path and name != "arch_name"}
    return replace(keys, **shorter)


def layer_list(model: Any, name: str) -> torch.nn.ModuleList:
    """The list of layers at a module name. ModelError where there is none."""
    found = dict(model.named_modules()).get(name)
    if not isinstance(found, torch.nn.ModuleList):
        raise ModelError(
            f"The model has no list of layers called {name!r}",
            where=str(getattr(model, "name_or_path", "")),
            fix="the model_arch of its type does not fit it: give the right --model_type",
        )
    return found
