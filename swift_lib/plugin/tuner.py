"""The import path of the 3.x documents (`swift.plugin.tuner`): the same objects, nothing of its own."""

from swift_lib.core.lazy import lazy_names

NAMES = {
    "Tuner": "swift_lib.tuner_plugin.base:Tuner",
    "PeftTuner": "swift_lib.tuner_plugin.peft_tuner:PeftTuner",
    "LoRALLMTuner": "swift_lib.tuner_plugin.lora_llm:LoRALLMTuner",
    "tuners_map": "swift_lib.tuner_plugin.mapping:tuners_map",
    "extra_tuners": "swift_lib.tuner_plugin.mapping:tuners_map",
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
