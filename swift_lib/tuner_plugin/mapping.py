"""The names that --tuner_type takes."""

from swift_lib.core.registry import Registry
from swift_lib.tuner_plugin.base import Tuner

tuners_map: Registry[type[Tuner]] = Registry(
    "tuner",
    contract=Tuner,
    table={
        "lora": "swift_lib.tuner_plugin.lora:LoraTuner",
        "qlora": "swift_lib.tuner_plugin.lora:LoraTuner",
        "adalora": "swift_lib.tuner_plugin.peft_kinds:AdaLoraTuner",
        "longlora": "swift_lib.tuner_plugin.longlora:LongLoraTuner",
        "vera": "swift_lib.tuner_plugin.peft_kinds:VeraTuner",
        "boft": "swift_lib.tuner_plugin.peft_kinds:BoftTuner",
        "fourierft": "swift_lib.tuner_plugin.peft_kinds:FourierFtTuner",
        "bone": "swift_lib.tuner_plugin.peft_kinds:MissTuner",
        "miss": "swift_lib.tuner_plugin.peft_kinds:MissTuner",
        "ia3": "swift_lib.tuner_plugin.peft_kinds:Ia3Tuner",
        "lora_llm": "swift_lib.tuner_plugin.lora_llm:LoRALLMTuner",
        "llamapro": "swift_lib.tuner_plugin.llamapro:LlamaProTuner",
        "adapter": "swift_lib.tuner_plugin.adapter:AdapterTuner",
        "reft": "swift_lib.tuner_plugin.reft:ReftTuner",
        "full": "swift_lib.tuner_plugin.full:FullTuner",
        "dummy": "swift_lib.tuner_plugin.dummy:DummyTuner",
    },
    extra="train",
)
extra_tuners = tuners_map
