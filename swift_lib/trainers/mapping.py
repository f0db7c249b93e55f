"""The trainer of each task."""

from typing import Any

from swift_lib.core.registry import Registry

trainers_map: Registry[Any] = Registry(
    "trainer",
    table={
        "causal_lm": "swift_lib.trainers.sft:SftTrainer",
        "pretrain": "swift_lib.trainers.pretrain:PretrainTrainer",
    },
    extra="train",
)
