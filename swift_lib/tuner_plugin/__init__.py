"""Tuners: which weights are trained, and how they are saved and read back."""

from swift_lib.core.lazy import lazy_names
from swift_lib.tuner_plugin.base import Tuner
from swift_lib.tuner_plugin.mapping import extra_tuners, tuners_map

NAMES = {
    "LoRALLMTuner": "swift_lib.tuner_plugin.lora_llm:LoRALLMTuner",
    "PeftTuner": "swift_lib.tuner_plugin.peft_tuner:PeftTuner",
    "find_all_linears": "swift_lib.tuner_plugin.targets:find_all_linears",
    "get_multimodal_target_regex": "swift_lib.tuner_plugin.targets:get_multimodal_target_regex",
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
__all__ = ["Tuner", "extra_tuners", "tuners_map", *NAMES]
