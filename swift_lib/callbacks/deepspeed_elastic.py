"""Say that a run may go on with another number of processes."""

import json
from pathlib import Path
from typing import Any

from swift_lib.callbacks.base import TrainerCallback
from swift_lib.core.errors import ArgumentError


class DeepspeedElasticCallback(TrainerCallback):
    """A mark: the rows of a step are those of DeepSpeed's `elasticity`, whatever the number of processes.

    It does nothing in training. It refuses, with ArgumentError, a run without DeepSpeed, or whose DeepSpeed
    configuration has no `elasticity` that is enabled: such a run would change its batch with the number of processes.
    """

    def __init__(self, args: Any, trainer: Any) -> None:
        super().__init__(args, trainer)
        config = args.deepspeed
        if not config:
            raise ArgumentError(["--callbacks: deepspeed_elastic needs --deepspeed"])
        if isinstance(config, str) and Path(config).is_file():
            config = json.loads(Path(config).read_text(encoding="utf-8"))
        elasticity = config.get("elasticity", {}) if isinstance(config, dict) else {}
        if not elasticity.get("enabled"):
            raise ArgumentError(
                [
                    "--callbacks: deepspeed_elastic needs a --deepspeed configuration with"
                    ' {"elasticity": {"enabled": true, "max_train_batch_size": ..., "micro_batch_sizes": [...]}}'
                ]
            )
