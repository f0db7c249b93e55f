"""LoRA (Hu et al. 2021, arXiv:2106.09685, eq. 3: h = W x + (alpha / r) B A x) through peft.

On a base as it is, or on a quantised one. With rsLoRA (arXiv:2312.03732), DoRA (arXiv:2402.09353), and starts from the
base's own weights: PiSSA (arXiv:2404.02948), OLoRA (arXiv:2406.01775).
"""

from typing import Any

import torch
from peft import LoraConfig, prepare_model_for_kbit_training

from swift_lib.tuner_plugin import initial, targets
from swift_lib.tuner_plugin.peft_tuner import PeftTuner


class LoraTuner(PeftTuner):
    """peft's LoRA: new adapters, or training that goes on from `args.adapters`."""

    @classmethod
    def config(cls, args: Any, model: torch.nn.Module) -> LoraConfig:
        """peft's configuration of flat arguments."""
        return lora_config(args, model)

    @classmethod
    def changes_base(cls, args: Any, folder: str | None) -> bool:
        """Whether the adapter's start, or that of the folder's, is taken out of the base's weights."""
        return bool(initial.rank_of(folder)) if folder else initial.changes_base(args.init_weights)

    @classmethod
    def prepare_model(cls, args: Any, model: torch.nn.Module) -> torch.nn.Module:
        """Freeze the base and attach adapters, in `args.lora_dtype` or as float32, whatever the base's dtype."""
        if getattr(model, "is_loaded_in_4bit", False) or getattr(model, "is_loaded_in_8bit", False):
            model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=args.gradient_checkpointing)
        tuned = super().prepare_model(args, model)
        if not args.adapters:
            initial.remember(tuned)
        if args.lora_dtype:
            for name, parameter in tuned.named_parameters():
                if "lora_" in name:
                    parameter.data = parameter.data.to(getattr(torch, args.lora_dtype))
        return tuned

    @classmethod
    def save_pretrained(
        cls,
        model: torch.nn.Module,
        save_directory: str,
        state_dict: dict[str, Any] | None = None,
        safe_serialization: bool = True,
        **kwargs: Any,
    ) -> None:
        """Write an adapter of the base as it was loaded, also where training took the start out of its weights."""
        if initial.is_remembered(model):
            initial.save(model, save_directory, state_dict)
            return
        super().save_pretrained(model, save_directory, state_dict, safe_serialization, **kwargs)

    @classmethod
    def from_pretrained(cls, model: torch.nn.Module, model_id: str, **kwargs: Any) -> torch.nn.Module:
        """Attach saved adapters; training goes on with the start taken out of the base's weights where it was so."""
        if kwargs.get("is_trainable") and initial.rank_of(model_id):
            return initial.restore(model, model_id)
        return super().from_pretrained(model, model_id, **kwargs)

    @classmethod
    def load_weights(cls, model: Any, folder: str) -> None:
        """A checkpoint's weights into the adapter in training."""
        if initial.is_remembered(model):
            initial.load_weights(model, folder)
            return
        super().load_weights(model, folder)


def lora_config(args: Any, model: torch.nn.Module, **given: Any) -> LoraConfig:
    """peft's configuration of flat arguments, `given` fields in place of what they say.

    ArgumentError lists modules that the model does not have.
    """
    options = {
        "task_type": targets.peft_task(args),
        "r": args.lora_rank,
        "lora_alpha": args.lora_alpha,
        "lora_dropout": args.lora_dropout,
        "bias": args.lora_bias,
        "use_rslora": args.use_rslora,
        "use_dora": args.use_dora,
        "init_lora_weights": {"true": True, "false": False}.get(args.init_weights, args.init_weights),
        **given,
    }
    if "target_modules" not in options:
        options["target_modules"] = targets.target_modules(args, model)
        options["target_parameters"] = targets.target_parameters(args, model)
        options["modules_to_save"] = targets.modules_to_save(args, model)
    return LoraConfig(**options)
