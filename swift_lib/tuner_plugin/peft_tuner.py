"""What the tuners that are made with peft share."""

from typing import Any

import torch
from peft import PeftModel, get_peft_model

from swift_lib.core.errors import ModelError
from swift_lib.tuner_plugin.base import Tuner


class PeftTuner(Tuner):
    """A tuner whose model is a peft.PeftModel: adapter_config.json and adapter_model.safetensors.

    A subclass says how new adapters look (`config`), or overrides `prepare_model`.
    """

    @classmethod
    def config(cls, args: Any, model: torch.nn.Module) -> Any:
        """peft's configuration of new adapters. ArgumentError for what the model does not have."""
        raise NotImplementedError

    @classmethod
    def prepare_model(cls, args: Any, model: torch.nn.Module) -> torch.nn.Module:
        """Freeze the base and attach adapters as float32, new ones or those of the folder in `args.adapters`."""
        if args.adapters:
            return cls.from_pretrained(model, args.adapters[0], is_trainable=True)
        config = cls.config(args, model)
        try:
            return get_peft_model(model, config)
        except ValueError as error:  # sizes that do not divide, and the like: peft says which
            raise ModelError(
                f"peft cannot attach {str(config.peft_type.value).lower()} here: {' '.join(str(error).split())[:300]}",
                where=f"--tuner_type {args.tuner_type}",
                fix="choose other --target_modules or options of this tuner",
            ) from error

    @classmethod
    def save_pretrained(
        cls,
        model: torch.nn.Module,
        save_directory: str,
        state_dict: dict[str, Any] | None = None,
        safe_serialization: bool = True,
        **kwargs: Any,
    ) -> None:
        """Write adapter_config.json and adapter_model.safetensors."""
        model.save_pretrained(save_directory, state_dict=state_dict, safe_serialization=safe_serialization, **kwargs)

    @classmethod
    def from_pretrained(cls, model: torch.nn.Module, model_id: str, **kwargs: Any) -> torch.nn.Module:
        """Attach saved adapters."""
        return PeftModel.from_pretrained(model, model_id, **kwargs)

    @classmethod
    def load_weights(cls, model: Any, folder: str) -> None:
        """A checkpoint's weights into the adapter in training."""
        model.load_adapter(folder, model.active_adapter, is_trainable=True, autocast_adapter_dtype=False)

    @staticmethod
    def merge(model: Any) -> torch.nn.Module:
        """The plain model with the adapters added to its weights. ValueError where the sum is not finite."""
        return model.merge_and_unload(safe_merge=True)
