"""A Trainer whose checkpoints are the same files in every mode, though weights and optimizer lie in pieces.

The Trainer's own ways write what only the same mode with as many processes reads.
"""

import logging
from pathlib import Path
from typing import Any

import torch
from transformers.trainer import OPTIMIZER_NAME, SCHEDULER_NAME

from swift_lib.core.errors import TrainingError
from swift_lib.trainers.frozen import require_unchanged
from swift_lib.trainers.fsdp_shards import FsdpShards, plain_tree
from swift_lib.trainers.resumable import ResumableTrainer
from swift_lib.trainers.shards import Shards, group_names, plain_name, read_masters, whole_weights, write_masters

logger = logging.getLogger(__name__)


class SpreadTrainer(ResumableTrainer):
    """DeepSpeed and FSDP2 with ordinary checkpoints: loaded before the model is spread, collected to be written."""

    is_fsdp_enabled: bool

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        model: torch.nn.Module = self.model
        self._dtypes = {name: parameter.dtype for name, parameter in model.named_parameters()}
        self._optimizer_names: list[list[str]] = []

    @property
    def is_spread(self) -> bool:
        """Whether DeepSpeed or FSDP hold the optimizer's state, in pieces."""
        return bool(self.is_deepspeed_enabled or self.is_fsdp_enabled)

    @property
    def is_sharded(self) -> bool:
        """Whether no process holds whole weights."""
        plugin = getattr(self.accelerator.state, "deepspeed_plugin", None)
        return bool(self.is_fsdp_enabled or (plugin is not None and plugin.zero_stage == 3))

    @property
    def shards(self) -> Shards:
        """The pieces; once the model is spread."""
        if self.is_deepspeed_enabled:
            from swift_lib.trainers.zero_shards import ZeroShards  # noqa: PLC0415 - DeepSpeed is an extra

            return ZeroShards(self.model_wrapped, self._optimizer_names)
        optimizer = getattr(self.optimizer, "optimizer", self.optimizer)
        return FsdpShards(self.model, optimizer, self._optimizer_names, self._dtypes)

    def note_optimizer(self, optimizer: torch.optim.Optimizer) -> None:
        """Remember of what its state is, for that is told by position. Call it before the model is spread."""
        if self.is_spread:
            self._optimizer_names = group_names(self.model, optimizer)

    # -- going on --------------------------------------------------------------------------------------------------

    def _prepare_for_training(self, max_steps: int, train_dataloader: Any, resume_from_checkpoint: str | None) -> Any:
        if not self.is_spread or resume_from_checkpoint is None:
            return super()._prepare_for_training(max_steps, train_dataloader, resume_from_checkpoint)
        self._load_from_checkpoint(resume_from_checkpoint)
        found = super()._prepare_for_training(max_steps, train_dataloader, None)
        folder = Path(resume_from_checkpoint)
        read_masters(self.shards, folder)
        state = torch.load(folder / OPTIMIZER_NAME, map_location="cpu", weights_only=True)
        try:
            self.shards.load_optimizer(state)
        except ValueError as error:
            raise TrainingError(
                f"The optimizer's state does not fit what is trained: {error}",
                where=str(folder),
                fix="give --tuner_type, --optimizer and their options as before, or --resume_only_model true",
            ) from error
        self.lr_scheduler.load_state_dict(torch.load(folder / SCHEDULER_NAME, weights_only=True))
        self._load_scaler(resume_from_checkpoint)
        return found

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        """Ordinary weights, into a model that is not spread yet."""
        spread, self.is_fsdp_enabled = self.is_fsdp_enabled, False
        try:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
        finally:
            self.is_fsdp_enabled = spread

    # -- saving ----------------------------------------------------------------------------------------------------

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Collect what is in pieces, and have the tuner write it."""
        if not self.is_spread:
            super().save_model(output_dir, _internal_call)
            return
        weights = whole_weights(self.accelerator.unwrap_model(self.model), self.shards, self._is_saved, self._dtypes)
        if self.args.should_save:
            with plain_tree(self.model):
                self._save(output_dir, state_dict=weights)

    def _is_saved(self, name: str, parameter: torch.nn.Parameter) -> bool:
        """Whether the tuner may need it: of an adapter by peft, the frozen base is not."""
        tuners = getattr(self.accelerator.unwrap_model(self.model), "peft_config", None)
        if tuners is None or parameter.requires_grad:
            return True
        prefix = getattr(self.accelerator.unwrap_model(self.model).base_model, "prefix", "")
        return bool(prefix) and prefix in name

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if not self.is_spread:
            super()._save_optimizer_and_scheduler(output_dir)
            return
        state = self.shards.optimizer()
        write_masters(self.shards, Path(output_dir))
        if self.args.should_save:
            torch.save(state, Path(output_dir) / OPTIMIZER_NAME)
            torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / SCHEDULER_NAME)

    def require_frozen(self, digest: str) -> None:
        """Raise TrainingError if the frozen weights are not those of this digest any more."""
        changed = [
            name
            for name, parameter in self.model.named_parameters()
            if not parameter.requires_grad and parameter.dtype != self._dtypes[plain_name(name)]
        ]
        if changed:
            logger.info("frozen weights are computed with in another precision, so they are not compared")
        elif self.is_spread:
            require_unchanged(self.model, digest, str(self.args.output_dir), self.shards.whole)
        elif self.args.should_save:
            require_unchanged(self.model, digest, str(self.args.output_dir))

    def finite_parameters(self, model: torch.nn.Module) -> bool:
        """Whether every trained weight is finite, in all processes."""
        bad = torch.zeros((), device=self.args.device)
        for parameter in model.parameters():
            if parameter.requires_grad:
                piece: Any = getattr(parameter, "ds_tensor", parameter).detach()
                piece = piece.to_local() if hasattr(piece, "to_local") else piece
                bad += (~torch.isfinite(piece)).any()
        return not bool(self._sum(bad))

    def _sum(self, values: torch.Tensor) -> torch.Tensor:
        return self.accelerator.reduce(values.to(self.accelerator.device)) if self.args.world_size > 1 else values
