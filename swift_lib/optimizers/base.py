"""What an optimizer is, and how a name becomes one."""

from typing import Any

import transformers


class OptimizerCallback:
    """Makes the optimizer and the scheduler of a run; this one as transformers' Trainer does."""

    def __init__(self, args: Any, trainer: Any) -> None:
        self.args, self.trainer = args, trainer

    def create_optimizer(self, model: Any = None) -> Any:
        """The optimizer of the trainer's model."""
        return transformers.Trainer.create_optimizer(self.trainer, model)

    def create_scheduler(self, num_training_steps: int, optimizer: Any) -> Any:
        """The scheduler of an optimizer."""
        return transformers.Trainer.create_scheduler(self.trainer, num_training_steps, optimizer)


def make_optimizer(name: str | None, args: Any, trainer: Any) -> OptimizerCallback:
    """The registered one, else transformers' own."""
    return OptimizerCallback(args, trainer)
