"""The names that --callbacks takes, and what plugin files add without a flag."""

from typing import Any

from swift_lib.core.registry import Registry

callbacks_map: Registry[Any] = Registry(
    "callback",
    contract="swift_lib.callbacks.base:check_callback",
    table={
        "activation_cpu_offload": "swift_lib.callbacks.activation_cpu_offload:ActivationCpuOffloadCallback",
        "adalora": "swift_lib.callbacks.adalora:AdaLoraCallback",
        "deepspeed_elastic": "swift_lib.callbacks.deepspeed_elastic:DeepspeedElasticCallback",
        "early_stop": "swift_lib.callbacks.early_stop:EarlyStopCallback",
        "graceful_exit": "swift_lib.callbacks.graceful_exit:GracefulExitCallback",
        "lisa": "swift_lib.callbacks.lisa:LisaCallback",
        "perf_log": "swift_lib.callbacks.perf_log:PerfLogCallback",
    },
    extra="train",
)

extra_callbacks: list[Any] = []
"""Callbacks of plugin files, instances or classes: every entry is attached to the trainer."""
