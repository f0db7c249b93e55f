"""The contract of a tuner."""

from typing import TYPE_CHECKING, Any

from swift_lib.core.lazy import lazy_names

if TYPE_CHECKING:
    import torch


class Tuner:
    """Three functions without state; a plugin overrides them as static methods, class methods or methods.

    `args` is a read-only view with flat names (`args.lora_rank`). What `requires_grad` says after `prepare_model` is
    what is trained. Three more are optional: `merge(model) -> model`, from what `from_pretrained` returned to plain
    weights; `load_weights(model, folder)`, a checkpoint's weights into the model in training, which the best checkpoint
    is read with; `extra_loss(model) -> scalar tensor or None`, a term added to the loss of each step.
    """

    @staticmethod
    def prepare_model(args: Any, model: "torch.nn.Module") -> "torch.nn.Module":
        """The model that is trained, made from the loaded one. Called once, before training."""
        raise NotImplementedError

    @staticmethod
    def save_pretrained(
        model: "torch.nn.Module",
        save_directory: str,
        state_dict: dict[str, Any] | None = None,
        safe_serialization: bool = True,
        **kwargs: Any,
    ) -> None:
        """Write what was trained to `save_directory`. Called at each save."""
        raise NotImplementedError

    @staticmethod
    def from_pretrained(model: "torch.nn.Module", model_id: str, **kwargs: Any) -> "torch.nn.Module":
        """The tuned model, from the loaded base and a folder that `save_pretrained` wrote.

        Called for inference and for merging, and with `is_trainable=True` where training goes on from the folder.
        """
        raise NotImplementedError


# Heavy, so taken when it is asked for.
__getattr__, __dir__ = lazy_names(__name__, {"PeftTuner": "swift_lib.tuner_plugin.peft_tuner:PeftTuner"})
