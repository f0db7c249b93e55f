"""What every trainer has: the order of rows, plugins at their places, checks that what is trained stays finite."""

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import transformers
from accelerate.utils import gather_object

from swift_lib.callbacks.base import make_callbacks
from swift_lib.core.errors import TrainingError
from swift_lib.core.seeding import derive_seed
from swift_lib.core.view import FlatView
from swift_lib.dataloader.dispatcher import AllBatches, DispatchedLoader
from swift_lib.dataloader.shard import OrderedRows, SeekableLoader, ShardedBatches, blank_labels
from swift_lib.dataset.order import TrainingOrder
from swift_lib.loss.base import make_loss
from swift_lib.metrics.base import make_metric
from swift_lib.model.saving import save_processor
from swift_lib.optimizers.base import make_optimizer
from swift_lib.trainers import transformers_patches
from swift_lib.trainers.extensions import NO_EXTENSIONS, Extensions
from swift_lib.trainers.hf_arguments import TrainingArguments, plugin_view
from swift_lib.trainers.means import Means
from swift_lib.trainers.sequence_parallel import SequenceParallel
from swift_lib.trainers.spread import SpreadTrainer
from swift_lib.tuner_plugin import parts
from swift_lib.tuner_plugin.calling import load_weights, require_savable, save_with

# Batches of this many steps are sorted by length together where --group_by_length asks for it.
_GROUPED_STEPS = 50

Draw = Callable[[Any, int], Any]
"""(row or pack of rows, epoch) -> what of it is put in a batch."""


def training_order(rows: Any, args: TrainingArguments, rows_per_step: int) -> TrainingOrder:
    """The order of rows or packs that the arguments ask for; rows have `lengths` where they are grouped by them."""
    grouped = args.train_sampling_strategy == "group_by_length"
    return TrainingOrder(
        len(rows),
        args.data_seed if args.data_seed is not None else args.seed,
        shuffle=args.train_sampling_strategy != "sequential",
        lengths=rows.lengths if grouped else None,
        group=_GROUPED_STEPS * rows_per_step if grouped else 1,
    )


class BaseTrainer(SpreadTrainer):
    """A Trainer with our order of rows, our plugins, and weights written by the tuner.

    A task overrides `compute_loss`, and `items` where what its loss is divided by is not the trained tokens. `template`
    is for plugins: the template that the rows were written with. `load_base` loads the base anew, for tuners that read
    their checkpoints onto it only.
    """

    default_loss: str | None = None
    """The loss where --loss_type names none; None: the task computes its own."""
    default_metric: str | None = None

    optimizer: Any
    lr_scheduler: Any

    def __init__(
        self,
        *,
        args: TrainingArguments,
        tuner: Any,
        template: Any = None,
        load_base: Callable[[], Any] | None = None,
        extensions: Extensions = NO_EXTENSIONS,
        blank: Callable[[Any], Any] = blank_labels,
        **kwargs: Any,
    ) -> None:
        transformers_patches.install()
        super().__init__(args=args, **kwargs)
        self.remove_callback(transformers.PrinterCallback)  # our own callback reports
        self.template, self.extensions = template, extensions
        self._tuner, self._blank, self._load_base = tuner, blank, load_base
        require_savable(tuner, self.is_sharded)
        # What a loss is divided by is counted over the whole accumulation window.
        self.model_accepts_loss_kwargs = True
        self.loss_is_scaled_for_ga = True
        self.eval_means = Means()
        size = int(getattr(args, "sequence_parallel_size", 1))
        self.sequence = SequenceParallel(self.model, size, args.process_index, args.world_size) if size > 1 else None
        self._not_finite: torch.Tensor | None = None  # on the device: looking at it would wait for every step
        self.plugin_args = plugin_view(args)
        self._attach(self.plugin_args)

    def _attach(self, view: FlatView) -> None:
        """Make the extensions, whose constructors may ask for this trainer."""
        names = self.extensions
        loss, metric = names.loss or self.default_loss, names.metric or self.default_metric
        self.loss = make_loss(loss, view, self) if loss else None
        if metric:
            self.compute_metrics, self.preprocess_logits_for_metrics = make_metric(metric, view, self)
        self.optimizing = make_optimizer(names.optimizer, view, self)
        for callback in make_callbacks(names.callbacks, view, self):
            self.add_callback(callback)
            self.control = callback.on_init_end(self.args, self.state, self.control) or self.control

    def _inner_training_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Whether the vision tower computes activations twice is told apart from the rest of the model."""
        keys, wanted = parts.architecture(self.model), getattr(self.args, "vit_gradient_checkpointing", None)
        base = self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model
        for prefix in keys.vision_tower if keys is not None and wanted is not None else ():
            tower = base.get_submodule(prefix)
            if hasattr(tower, "gradient_checkpointing_enable"):
                (tower.gradient_checkpointing_enable if wanted else tower.gradient_checkpointing_disable)()
        return super()._inner_training_loop(*args, **kwargs)

    # -- optimizer -------------------------------------------------------------------------------------------------

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """The one that --optimizer names; transformers' own by default."""
        if self.optimizer is None:
            self.optimizer = made = self.optimizing.create_optimizer(model)
            # DeepSpeed drops groups of nothing; without them in every mode, its state is the others' state.
            made.param_groups[:] = [group for group in made.param_groups if group["params"]]
            self.note_optimizer(made)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        """The one that came with the optimizer, else transformers'."""
        if self.lr_scheduler is None:
            self.lr_scheduler = self.optimizing.create_scheduler(num_training_steps, optimizer or self.optimizer)
            self._created_lr_scheduler = True
        return self.lr_scheduler

    # -- data ------------------------------------------------------------------------------------------------------

    def get_train_dataloader(self) -> SeekableLoader | DispatchedLoader:
        """Rows in the order of (seed, epoch, position), each process its share."""
        args, rows = self.args, self.train_dataset
        order = training_order(rows, args, self.rows_per_step)
        return self._loader(
            rows, order, self._train_batch_size, drop_last=args.dataloader_drop_last, draw=self.drawing(training=True)
        )

    def drawing(self, *, training: bool) -> Draw | None:
        """What of a row is in a batch, by its epoch; None: all of it."""
        return None

    def get_eval_dataloader(self, eval_dataset: Any = None) -> SeekableLoader | DispatchedLoader:
        """All rows once, in their order, each process its share."""
        rows = self.eval_dataset if eval_dataset is None else eval_dataset
        order = TrainingOrder(len(rows), 0, shuffle=False)
        return self._loader(rows, order, self.args.eval_batch_size, draw=self.drawing(training=False))

    def _loader(
        self, rows: Any, order: TrainingOrder, batch_size: int, *, drop_last: bool = False, draw: Draw | None = None
    ) -> SeekableLoader | DispatchedLoader:
        args = self.args
        # Processes that share sequences read the same rows.
        rank, size = args.process_index, args.world_size
        if self.sequence is not None:
            rank, size = self.sequence.data_rank, self.sequence.data_size
        dispatched = bool(args.accelerator_config.dispatch_batches) and size > 1
        kind = AllBatches if dispatched else ShardedBatches
        batches = kind(order, batch_size, rank=rank, world_size=size, drop_last=drop_last)
        if not len(batches):
            raise TrainingError(
                f"{len(rows)} rows do not make one batch on every process ({batches.span} rows)",
                where="--dataloader_drop_last",
                fix="lower --per_device_train_batch_size, or give --dataloader_drop_last false",
            )
        loader = SeekableLoader.of(
            OrderedRows(rows, self._blank, draw),
            batches,
            collate_fn=self.data_collator,
            num_workers=args.dataloader_num_workers,
            prefetch_factor=args.dataloader_prefetch_factor,
            pin_memory=args.dataloader_pin_memory and torch.cuda.is_available(),
            seed=derive_seed(args.seed, "loader"),
        )
        return DispatchedLoader(loader, rank=rank, group=self._cpu_group) if dispatched else loader

    @cached_property
    def _cpu_group(self) -> Any:
        """All processes, for what is sent without a GPU."""
        return torch.distributed.new_group(backend="gloo")

    @property
    def rows_per_step(self) -> int:
        """Rows (or packs) of an optimizer step, over all processes."""
        return self.get_total_train_batch_size(self.args)

    def get_total_train_batch_size(self, args: Any) -> int:
        """The same, for the Trainer's own figures."""
        return int(super().get_total_train_batch_size(args)) // self._sharing

    @property
    def _sharing(self) -> int:
        """Processes that have the same rows."""
        return 1 if self.sequence is None else self.sequence.size

    # -- loss ------------------------------------------------------------------------------------------------------

    def items(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """What the loss of a step is divided by, as far as this batch goes: trained tokens, of shape ()."""
        return (batch["labels"][..., 1:] != -100).sum()

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> torch.Tensor | None:
        """Over the accumulation window and all processes; at least 1, since a window may train nothing."""
        if not batch_samples:
            return None
        count = torch.stack([self.items(batch) for batch in batch_samples]).sum().to(device)
        if self.args.average_tokens_across_devices and self.args.world_size > 1:
            count = self.accelerator.reduce(count) // self._sharing
        return count.clamp(min=1)

    def for_all_processes(self, loss: torch.Tensor) -> torch.Tensor:
        """A share of a loss that was divided by the items of all processes, as gradients averaged over them need it.

        A term that the tuner wants, of the weights alone, comes to it once in a step.
        """
        loss = loss * self.accelerator.num_processes if self.args.average_tokens_across_devices else loss
        extra = self._tuner.extra_loss(self.model) if hasattr(self._tuner, "extra_loss") else None
        return loss if extra is None else loss + extra / self.current_gradient_accumulation_steps

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """One backward pass; remembers whether its loss was finite."""
        with self.sequence.step() if self.sequence is not None else nullcontext():
            loss = super().training_step(*args, **kwargs)
        bad = ~torch.isfinite(loss)
        self._not_finite = bad if self._not_finite is None else self._not_finite | bad
        if loss.device.type == "cpu":
            self.check_finite()
        return loss

    def prediction_step(self, *args: Any, **kwargs: Any) -> Any:
        """One evaluation batch."""
        with self.sequence.step() if self.sequence is not None else nullcontext():
            return super().prediction_step(*args, **kwargs)

    def _track_num_input_tokens(self, inputs: Any) -> None:
        before = self.state.num_input_tokens_seen
        super()._track_num_input_tokens(inputs)
        self.state.num_input_tokens_seen = before + (self.state.num_input_tokens_seen - before) // self._sharing

    def evaluation_loop(
        self,
        dataloader: Any,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> Any:
        """Evaluate; means are over all values, such as trained tokens, however they were put in batches."""
        self.eval_means.take()
        output = super().evaluation_loop(dataloader, description, prediction_loss_only, ignore_keys, metric_key_prefix)
        found = self.eval_means.take(self._sum, self._names)
        output.metrics.update({f"{metric_key_prefix}_{name}": value for name, value in found.items()})
        return output

    def _names(self, names: set[str]) -> set[str]:
        """Those of all processes."""
        return set().union(*gather_object([names])) if self.args.world_size > 1 else names

    # -- finite ----------------------------------------------------------------------------------------------------

    def check_finite(self) -> None:
        """Raise TrainingError if a loss since the start was NaN or infinite. Waits for the device."""
        if self._not_finite is not None and bool(self._not_finite):
            self._fail("The loss became NaN or infinite")

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Check, add the means since the last time, log."""
        self.check_finite()
        if not math.isfinite(logs.get("grad_norm", 0.0)):
            self._fail("The gradient became NaN or infinite")
        if "loss" in logs:
            logs.update(self.train_means.take(self._sum, self._names))
        super().log(logs, *args, **kwargs)

    def _fail(self, what: str) -> None:
        step = self.state.global_step + 1
        rate = self._get_learning_rate()
        raise TrainingError(
            f"{what} at step {step} (learning rate {rate:.3g}); earlier checkpoints are kept",
            where=str(self.args.output_dir),
            fix="lower --learning_rate, raise --warmup_ratio, prefer bfloat16 to float16, or look for odd rows",
        )

    # -- saving ----------------------------------------------------------------------------------------------------

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        """A checkpoint of weights that are not finite would only look like something to go on from."""
        self.check_finite()
        if not self.finite_parameters(model):
            self._fail("Weights became NaN or infinite")
        super()._save_checkpoint(model, trial)

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Weights by the tuner, tokenizer or processor beside them."""
        folder = output_dir or str(self.args.output_dir)
        Path(folder).mkdir(parents=True, exist_ok=True)
        save_with(self._tuner, self.accelerator.unwrap_model(self.model), folder, state_dict, self.is_spread)
        if self.processing_class is not None:
            save_processor(self.processing_class, folder)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        """Weights by the tuner, which wrote them."""
        if not load_weights(self._tuner, self.model, resume_from_checkpoint, self._load_base):
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _load_best_model(self) -> None:
        """The same for the best checkpoint."""
        best = str(self.state.best_model_checkpoint)
        is_spread = self.is_fsdp_enabled or self.is_deepspeed_enabled
        if is_spread or not load_weights(self._tuner, self.model, best, self._load_base):
            super()._load_best_model()
