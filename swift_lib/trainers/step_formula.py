"""What a step takes by the formulas of the literature, for a model that `fake_step` cannot go through."""

from collections.abc import Sequence
from typing import Any

import torch

from swift_lib.loss.chunked import CHUNK_LOGITS
from swift_lib.trainers.fake_step import BatchShape, StepCost
from swift_lib.trainers.workload import CostLine

_ADAM_STATES = 2


def formula_cost(model: Any, batch: BatchShape, *, checkpointing: bool, held: bool = False) -> StepCost:
    """Activations of a layer: 34 * tokens * width bytes in half precision, attention being fused (Korthikanti et al.
    2022, arXiv:2205.05198, eq. 1 without its second term); with gradient checkpointing 2 * tokens * width for each
    layer and one layer in whole (section 5). Operations: see `CostLine.of_model`; AdamW is assumed.
    """
    config = model.config.get_text_config()
    layers, width = int(config.num_hidden_layers), int(config.hidden_size)
    parameters, trained = list(model.parameters()), [p for p in model.parameters() if p.requires_grad]
    size = next(p.element_size() for p in parameters if p.is_floating_point())
    layer = 34 * batch.tokens * width * size // 2
    saved = layers * 2 * batch.tokens * width * size // 2 + layer if checkpointing else layers * layer
    logits = min(batch.trained * int(config.vocab_size), CHUNK_LOGITS["cpu"]) * torch.float32.itemsize
    gradients = _bytes(trained)
    count = sum(p.numel() for p in parameters)
    line = CostLine.of_model(count, layers, width)
    passes = 1 + (2 if len(trained) == len(parameters) else 1) + checkpointing
    rows, length = (1, batch.tokens) if batch.joined else (batch.rows, batch.length)
    return StepCost(
        parameters=count,
        trained=sum(p.numel() for p in trained),
        weights=_bytes([*parameters, *model.buffers()]),
        gradients=gradients,
        optimizer=_ADAM_STATES * gradients,
        held=gradients if held else 0,
        saved=saved,
        loss=logits,
        backward=gradients + saved,
        flops=int(line.of(rows, length)) * passes,
    )


def _bytes(tensors: Sequence[torch.Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
