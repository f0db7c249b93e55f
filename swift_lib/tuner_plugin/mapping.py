"""The names that --tuner_type takes."""

from swift_lib.core.registry import Registry
from swift_lib.tuner_plugin.base import Tuner

tuners_map: Registry[type[Tuner]] = Registry(
    "tuner",
    contract=Tuner,
    table={
        "lora": "swift_lib.tuner_plugin.lora:LoraTuner",
        "qlora": "swift_lib.tuner_plugin.lora:LoraTuner",
        "full": "swift_lib.tuner_plugin.full:FullTuner",
    },
    extra="train",
)
extra_tuners = tuners_map
