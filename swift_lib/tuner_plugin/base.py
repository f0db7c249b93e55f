"""The contract of a tuner."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class Tuner:
    """Three functions without state; a plugin overrides them as static methods.

    `args` is a read-only view with flat names (`args.lora_rank`). What `requires_grad` says after `prepare_model` is
    what is trained.
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
        """The tuned model, from the loaded base and a folder that `save_pretrained` wrote."""
        raise NotImplementedError
