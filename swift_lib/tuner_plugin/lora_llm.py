"""LoRA on the language model of a multimodal model, with its vision tower and aligner trained in full."""

from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig
from safetensors.torch import load_file, save_file

from swift_lib.core.errors import ModelError
from swift_lib.core.types import MultiModelKeys
from swift_lib.tuner_plugin import parts
from swift_lib.tuner_plugin.lora import LoraTuner, lora_config
from swift_lib.tuner_plugin.targets import get_multimodal_target_regex, modules_to_save

VIT = "vit.safetensors"
_FULL = ("vision_tower", "aligner")
_BASE = "base_model.model."


class LoRALLMTuner(LoraTuner):
    """Adapters as LoRA writes them, and beside them `vit.safetensors`: vision tower and aligner, by their own names."""

    @classmethod
    def config(cls, args: Any, model: torch.nn.Module) -> LoraConfig:
        """Adapters in the language model only, whatever freeze_* say."""
        _keys(model)
        pattern = get_multimodal_target_regex(model)
        return lora_config(args, model, target_modules=pattern, modules_to_save=modules_to_save(args, model))

    @classmethod
    def prepare_model(cls, args: Any, model: torch.nn.Module) -> torch.nn.Module:
        """Freeze the language model, attach its adapters, train the rest."""
        keys = _keys(model)
        tuned = super().prepare_model(args, model)
        _train(tuned, keys)
        return tuned

    @classmethod
    def save_pretrained(
        cls,
        model: Any,
        save_directory: str,
        state_dict: dict[str, Any] | None = None,
        safe_serialization: bool = True,
        **kwargs: Any,
    ) -> None:
        """Write the adapter and vit.safetensors."""
        super().save_pretrained(model, save_directory, state_dict, safe_serialization, **kwargs)
        keys = _keys(model.get_base_model())
        state = model.state_dict() if state_dict is None else state_dict
        named = {name.removeprefix(_BASE): value for name, value in state.items()}
        tensors = {
            name: value.cpu().contiguous() for name, value in named.items() if parts.part_of(name, keys) in _FULL
        }
        save_file(tensors, Path(save_directory) / VIT, metadata={"format": "pt"})

    @classmethod
    def from_pretrained(cls, model: Any, model_id: str, **kwargs: Any) -> torch.nn.Module:
        """Attach the adapter, read vision tower and aligner. ModelError where their names are not the model's."""
        keys = _keys(model)
        _read(model, model_id, keys)
        tuned = super().from_pretrained(model, model_id, **kwargs)
        if kwargs.get("is_trainable"):
            _train(tuned, keys)
        return tuned

    @classmethod
    def load_weights(cls, model: Any, folder: str) -> None:
        """A checkpoint's weights into the model in training."""
        super().load_weights(model, folder)
        base = model.get_base_model()
        _read(base, folder, _keys(base))


def _read(model: Any, folder: str, keys: MultiModelKeys) -> None:
    """Vision tower and aligner of a folder into the model."""
    path = Path(folder) / VIT
    if not path.is_file():
        raise ModelError(f"There is no {VIT}", where=folder, fix="copy the folder again, or train again")
    expected = {name for name in model.state_dict() if parts.part_of(name, keys) in _FULL}
    tensors = load_file(path)
    if differing := sorted(expected ^ set(tensors)):
        raise ModelError(
            f"{len(differing)} tensors of vision tower and aligner are in only one of file and model, such as "
            f"{differing[0]}",
            where=str(path),
            fix="give the base it was trained on as --model",
        )
    model.load_state_dict(tensors, strict=False)


def _train(tuned: Any, keys: MultiModelKeys) -> None:
    for name, parameter in tuned.get_base_model().named_parameters():
        if parts.part_of(name, keys) in _FULL:
            parameter.requires_grad_(True)


def _keys(model: torch.nn.Module) -> MultiModelKeys:
    keys = parts.architecture(model)
    if keys is None:
        raise ModelError(
            "lora_llm trains the vision tower of a multimodal model, and this one has none that its type tells of",
            where="--tuner_type lora_llm",
            fix="use --tuner_type lora, or set model_arch in the type's ModelMeta",
        )
    return keys
