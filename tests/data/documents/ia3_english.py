# Pluginization, the section on tuners in English, whose save_pretrained takes no state_dict: the block, with its
# imports, its lost indentation and the name that it is registered by. See NOTICE.
# ruff: noqa
# fmt: off
import torch
from peft import IA3Config, PeftModel, get_peft_model

from swift_lib.llm import MODEL_ARCH_MAPPING, ModelKeys
from swift_lib.plugin import Tuner
from swift_lib.utils import find_all_linears


class IA3(Tuner):

    @staticmethod
    def prepare_model(args: 'TrainArguments', model: torch.nn.Module):
        model_arch: ModelKeys = MODEL_ARCH_MAPPING[model.model_meta.model_arch]
        ia3_config = IA3Config(
            target_modules=find_all_linears(model), feedforward_modules='.*' + model_arch.mlp.split('{}.')[1] + '.*')
        return get_peft_model(model, ia3_config)

    @staticmethod
    def save_pretrained(
        model: torch.nn.Module,
        save_directory: str,
        safe_serialization: bool = True,
        **kwargs,
    ):
        model: PeftModel
        model.save_pretrained(save_directory, safe_serialization=safe_serialization, **kwargs)

    @staticmethod
    def from_pretrained(model: torch.nn.Module, model_id: str, **kwargs):
        return PeftModel.from_pretrained(model, model_id, **kwargs)


extra_tuners = {'ia3_documented': IA3}
