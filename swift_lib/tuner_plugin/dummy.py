"""The model as its type loads it, for types that bring what is to be trained (an adapter of their own)."""

from typing import Any

import torch
from peft import PeftModel

from swift_lib.core.errors import ModelError
from swift_lib.tuner_plugin.peft_tuner import PeftTuner


class DummyTuner(PeftTuner):
    """Train what requires a gradient in the loaded model."""

    @classmethod
    def prepare_model(cls, args: Any, model: torch.nn.Module) -> torch.nn.Module:
        """The model as it is. ModelError where nothing in it is to be trained."""
        if args.adapters:
            return cls.from_pretrained(model, args.adapters[0], is_trainable=True)
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise ModelError(
                "The loaded model has nothing that is to be trained",
                where="--tuner_type dummy",
                fix="set requires_grad in the model type's get_function, or choose another --tuner_type",
            )
        return model

    @classmethod
    def from_pretrained(cls, model: torch.nn.Module, model_id: str, **kwargs: Any) -> torch.nn.Module:
        """The loaded model with the adapter that it brings read from the folder, or the folder's adapter on it."""
        if isinstance(model, PeftModel):
            model.load_adapter(model_id, "default", is_trainable=bool(kwargs.get("is_trainable")))
            return model
        return super().from_pretrained(model, model_id, **kwargs)
