"""Two tuners of a model's norms: one with a file of its own, and one that is peft's."""

from pathlib import Path
from typing import Any

from peft import LNTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file

from swift_lib.tuner_plugin import PeftTuner, Tuner, tuners_map

NORMS = "norms.safetensors"


def norms_of(model: Any) -> dict[str, Any]:
    """The model's norms, by the names of their parameters."""
    return {name: value for name, value in model.named_parameters() if "norm" in name.rsplit(".", 2)[-2]}


class Norms(Tuner):
    """Every norm's own weights; all other weights stay as they are."""

    @staticmethod
    def prepare_model(args: Any, model: Any) -> Any:
        """What requires a gradient afterwards is trained."""
        model.requires_grad_(False)
        for value in norms_of(model).values():
            value.requires_grad_(True)
        return model

    @staticmethod
    def save_pretrained(
        model: Any,
        save_directory: str,
        state_dict: dict[str, Any] | None = None,
        safe_serialization: bool = True,
        **kwargs: Any,
    ) -> None:
        """`state_dict` holds the weights where they are spread over processes."""
        state = model.state_dict() if state_dict is None else state_dict
        save_file({name: state[name].contiguous() for name in norms_of(model)}, Path(save_directory) / NORMS)

    @staticmethod
    def from_pretrained(model: Any, model_id: str, **kwargs: Any) -> Any:
        """For inference and merging; with is_trainable=True where training goes on."""
        model = Norms.prepare_model(None, model)
        model.load_state_dict(load_file(Path(model_id) / NORMS), strict=False)
        return model.requires_grad_(False) if not kwargs.get("is_trainable") else model

    @staticmethod
    def merge(model: Any) -> Any:
        """They are the model's own weights already."""
        return model


class LnTuning(PeftTuner):
    """The same by peft (Zhao et al. 2023, arXiv:2312.11420), which brings saving and reading."""

    @classmethod
    def prepare_model(cls, args: Any, model: Any) -> Any:
        """What PeftTuner leaves to be written."""
        ends = sorted({name.rsplit(".", 2)[-2] for name in norms_of(model)})
        return get_peft_model(model, LNTuningConfig(target_modules=ends, task_type="CAUSAL_LM"))


tuners_map["norms"] = Norms
tuners_map["ln_tuning"] = LnTuning
