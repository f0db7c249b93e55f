"""What `swift estimate` looks at: the model without its weights, its rows, and in which batches they come."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from swift_lib.arguments import EstimateArguments, SftArguments
from swift_lib.core.errors import DataError, SwiftError
from swift_lib.core.view import FlatView
from swift_lib.dataloader.shard import ShardedBatches
from swift_lib.dataset.artifact import TokenDataset
from swift_lib.dataset.order import TrainingOrder
from swift_lib.model.empty import empty_model, quantised_bytes
from swift_lib.model.loader import get_processor
from swift_lib.pipelines import tasks
from swift_lib.pipelines.engine import local_model, processor_options, template_options
from swift_lib.pipelines.preprocess import tokenise_into
from swift_lib.pipelines.run_estimate import unit_lengths
from swift_lib.pipelines.training_data import training_data
from swift_lib.template.choose import get_template
from swift_lib.trainers.base import training_order
from swift_lib.trainers.clock import NEVER, Interval
from swift_lib.trainers.fake_step import BatchShape, StepCost, trace_step
from swift_lib.trainers.hf_arguments import TrainingArguments, plugin_view, to_hf
from swift_lib.trainers.step_formula import formula_cost
from swift_lib.trainers.workload import Workload, step_count
from swift_lib.tuner_plugin.calling import get_tuner, prepare
from swift_lib.tuner_plugin.quantization import wanted_bits

_ROW_TOKENS = 2048  # where nothing is said about rows
_ASSUMED_ROWS = 10_000
_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}


@dataclasses.dataclass(frozen=True)
class Rows:
    """Lengths of the rows, or packs of rows, that are trained and validated; int, of shape (rows,).

    count: rows of the dataset. assumed: nobody gave rows, so that their number means nothing.
    """

    lengths: np.ndarray
    validation: np.ndarray | None
    count: int
    trained_share: float
    joined: bool
    assumed: bool = False
    folder: Path | None = None

    def __len__(self) -> int:
        return len(self.lengths)


class Subject:
    """A training that has not begun. folder: where rows may be tokenised."""

    def __init__(self, args: EstimateArguments, folder: Path) -> None:
        self.options = args.estimate
        training = args.training()
        has_rows = training.data.dataset or training.data.cached_dataset
        self.args: SftArguments = tasks.with_task(training) if has_rows else training
        options = processor_options(self.args)
        processor = get_processor(local_model(self.args.model.model), **options)
        template = get_template(processor, self.args.template.template, **template_options(self.args))
        template.set_mode("train")
        self.template = tasks.prepare_template(template)
        tokenizer = self.template.tokenizer
        self.info, self.meta = tokenizer.model_info, tokenizer.model_meta
        if self.args.model.torch_dtype:
            self.info.torch_dtype = _DTYPES[self.args.model.torch_dtype]
        self.processes = (self.args.processes.nproc_per_node or 1) * self.options.nodes
        self.rows = self._rows(folder)
        self.hf = self._hf_arguments()
        self.workload = self._workload()
        self.validation = self._validation()

    # -- rows ------------------------------------------------------------------------------------------------------

    def _rows(self, folder: Path) -> Rows:
        data = self.args.data
        if data.cached_dataset:
            folder = Path(local_model(data.cached_dataset))
        elif data.dataset:
            tokenise_into(self.args, folder)
        else:
            return self._assumed()
        splits = {
            name: TokenDataset.open(folder / name) for name in ("train", "validation") if (folder / name).is_dir()
        }
        if not len(splits.get("train", ())):
            raise DataError("The token dataset has no training rows", where=str(folder), fix="preprocess more rows")
        info = splits["train"].manifest["dataset"]
        collate = tasks.Collator(self.template)
        made = training_data(self.args, self.template, splits["train"], splits.get("validation"), collate)
        times = (self.options.total_rows or 0) / sum(map(len, splits.values())) or 1.0
        return Rows(
            _repeated(unit_lengths(made.train), times),
            None if made.validation is None else _repeated(unit_lengths(made.validation), times),
            round(len(splits["train"]) * times),
            info["trained_tokens"] / max(1, int(splits["train"].lengths.sum())),
            made.joins_rows,
            folder=folder,
        )

    def _assumed(self) -> Rows:
        train = self.args.train
        joined = train.packing or train.padding_free
        tokens = self.options.row_tokens or self.args.template.max_length or _ROW_TOKENS
        if train.packing and train.packing_length:
            tokens = train.packing_length
        return Rows(np.full(_ASSUMED_ROWS, tokens), None, _ASSUMED_ROWS, 1.0, joined, assumed=True)

    def _hf_arguments(self) -> TrainingArguments:
        alone = {"deepspeed": None, "fsdp": None}  # their engines are not started to look at a run
        return to_hf(
            self.args.to_flat() | alone,
            self.args.hf,
            output_dir=self.args.output_dir,
            dtype=self.info.torch_dtype,
            validates=self.rows.validation is not None,
            world_size=self.processes,
        )

    def _workload(self) -> Workload:
        hf, rows = self.hf, _Units(self.rows.lengths)
        order = training_order(
            rows, hf, hf.per_device_train_batch_size * hf.gradient_accumulation_steps * self.processes
        )
        batches = ShardedBatches(
            order, hf.per_device_train_batch_size, world_size=self.processes, drop_last=hf.dataloader_drop_last
        )
        made = self._of(batches, rows.lengths, hf.gradient_accumulation_steps, 1)
        return self._of(
            batches, rows.lengths, made.accumulation,
            step_count(hf.num_train_epochs, hf.max_steps, made.epoch_steps),
        )  # fmt: skip

    def _validation(self) -> Workload | None:
        lengths = self.rows.validation
        if lengths is None:
            return None
        order = TrainingOrder(len(lengths), 0, shuffle=False)
        batches = ShardedBatches(order, self.hf.per_device_eval_batch_size, world_size=self.processes)
        return self._of(batches, lengths, 1, len(batches))

    def _of(self, batches: ShardedBatches, lengths: np.ndarray, accumulation: int, steps: int) -> Workload:
        return Workload(
            batches, lengths, joined=self.rows.joined, accumulation=accumulation, steps=steps,
            trained_share=self.rows.trained_share, units=self.rows.count,
        )  # fmt: skip

    def interval(self, strategy: Any, steps: float | None) -> Interval:
        """When evaluations or saves come, as transformers' arguments say it."""
        name = str(getattr(strategy, "value", strategy))
        if name == "epoch":
            return Interval(epoch_steps=self.workload.epoch_steps)
        if name != "steps" or not steps:
            return NEVER
        return Interval(steps=int(steps) if steps >= 1 else max(1, int(self.workload.steps * steps)))

    @property
    def is_here(self) -> bool:
        """Whether steps can be tried: weights and rows are on this machine, which is what is asked about, alone."""
        alone = self.processes == 1 and self.options.accelerator is None and self.options.total_rows is None
        return alone and not self.rows.assumed and any(Path(self.info.model_dir).glob("*.safetensors"))

    # -- model -----------------------------------------------------------------------------------------------------

    def model(self, *, checkpointing: bool, changes: Mapping[str, Any] | None = None) -> Any:
        """The model that would be trained, on the meta device. changes: of the flat arguments."""
        model = empty_model(self.info, self.meta, attn_impl=self.args.model.attn_impl)
        view = plugin_view(self.hf)
        view = FlatView({**{name: getattr(view, name) for name in view}, **(changes or {})})
        with torch.device("meta"):
            tuned = prepare(get_tuner(view.tuner_type), view, model)
        tuned.train()
        if checkpointing:
            tuned.gradient_checkpointing_enable(self.hf.gradient_checkpointing_kwargs)
        return tuned

    def cost(
        self, batch: BatchShape, *, checkpointing: bool, accumulates: bool, changes: Mapping[str, Any] | None = None
    ) -> tuple[StepCost, bool]:
        """Bytes and operations of a batch, and whether they were found by going through it."""
        attention = self.args.model.attn_impl or "sdpa"
        if attention not in ("sdpa", "eager"):
            batch = dataclasses.replace(batch, masked=False)  # flash and flex attention make no mask
        model = self.model(checkpointing=checkpointing, changes=changes)
        bits = wanted_bits(FlatView(self.args.to_flat() | dict(changes or {})))
        weights = quantised_bytes(model, bits) if bits else None
        half = torch.bfloat16 if self.hf.bf16 or self.hf.fp16 else None
        try:
            cost = trace_step(
                model, batch, autocast=half, accumulates=accumulates, optimizer=self._optimizer,
                keep_logits=self.args.train.loss_type not in (None, "cross_entropy"),
            )  # fmt: skip
        except (RuntimeError, NotImplementedError, TypeError, ValueError, AttributeError):
            model = self.model(checkpointing=checkpointing, changes=changes)
            cost, exact = formula_cost(model, batch, checkpointing=checkpointing, held=accumulates), False
        else:
            exact = True
        return (cost if weights is None else dataclasses.replace(cost, weights=weights)), exact

    def _optimizer(self, parameters: list[torch.nn.Parameter]) -> torch.optim.Optimizer:
        """What --optim names; AdamW in its place where it needs more than parameters."""
        try:
            cls, keywords = transformers.Trainer.get_optimizer_cls_and_kwargs(self.hf)
            made: torch.optim.Optimizer = cls(parameters, **keywords)
        except (SwiftError, ValueError, TypeError, ImportError, KeyError):
            made = torch.optim.AdamW(parameters)
        return made


def _repeated(lengths: np.ndarray, times: float) -> np.ndarray:
    """As many more lengths as there are more rows than in the sample, again and again those of the sample."""
    return np.resize(lengths, max(1, round(len(lengths) * times)))


class _Units(Sequence[int]):
    """Rows of which only the length is known."""

    def __init__(self, lengths: np.ndarray) -> None:
        self.lengths = lengths

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: Any) -> Any:
        return self.lengths[index]
