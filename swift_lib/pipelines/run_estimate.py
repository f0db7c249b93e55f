"""From a trainer that is about to start to what its time and memory follow from."""

from typing import Any

import numpy as np

from swift_lib.dataset.packing import PackedDataset
from swift_lib.pipelines.training_data import TrainingData
from swift_lib.trainers.estimate import forward_share
from swift_lib.trainers.forecast import Course
from swift_lib.trainers.workload import CostLine, Workload, step_count


def course(trainer: Any, data: TrainingData) -> Course:
    """The trainer's own batches."""
    args = trainer.args
    batches = trainer.get_train_dataloader().batches
    accumulation = args.gradient_accumulation_steps
    steps = step_count(args.num_train_epochs, args.max_steps, -(-len(batches) // accumulation))
    workload = Workload(
        batches, unit_lengths(data.train), joined=data.joins_rows, accumulation=accumulation, steps=steps
    )
    validation = None
    if data.validation is not None and len(data.validation):
        held_out = trainer.get_eval_dataloader().batches
        validation = Workload(
            held_out, unit_lengths(data.validation), joined=data.joins_rows, accumulation=1, steps=len(held_out)
        )
    trains_all = all(parameter.requires_grad for parameter in trainer.model.parameters())
    share = forward_share(trains_all=trains_all, checkpointing=bool(args.gradient_checkpointing))
    return Course(workload, validation, cost_line(trainer.model), share)


def cost_line(model: Any) -> CostLine:
    """By the shape of a model; it only has to tell how batches compare."""
    config = model.config.get_text_config()
    table, head = model.get_input_embeddings(), getattr(model, "get_output_embeddings", lambda: None)()
    parameters = sum(_count(parameter) for parameter in model.parameters())
    if hasattr(table, "weight") and table.weight is not getattr(head, "weight", None):
        parameters -= _count(table.weight)  # looked up, not multiplied with
    layers, width = getattr(config, "num_hidden_layers", 0) or 0, getattr(config, "hidden_size", 0) or 0
    return CostLine.of_model(max(1, parameters), int(layers), int(width))


def _count(parameter: Any) -> int:
    return int(getattr(parameter, "ds_numel", parameter.numel()))  # ZeRO 3 leaves an empty tensor in its place


def unit_lengths(rows: Any) -> np.ndarray:
    """Tokens of each row, or of each pack of rows; int64, of shape (rows,)."""
    if isinstance(rows, PackedDataset):
        plan = rows.plan
        return np.add.reduceat(rows.rows.lengths[plan.rows].astype(np.int64), plan.starts[:-1])
    return np.asarray(rows.lengths, np.int64)
