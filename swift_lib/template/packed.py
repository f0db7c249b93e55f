"""Rows side by side in one sequence without padding, kept apart by their positions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from swift_lib.core.errors import TrainingError
from swift_lib.template.collate import weights_of
from swift_lib.template.mask import IGNORED

Row = Mapping[str, Any]


def collate_packed(rows: Sequence[Row]) -> dict[str, torch.Tensor]:
    """Concatenate rows to tensors of shape (1, tokens).

    position_ids count from 0 in every row. There is no attention_mask: transformers' attention tells the rows apart by
    the positions where it gets none, and lets no token look into another row. A row's first token is never a target, as
    what stands before it is another row's end.
    """
    columns: dict[str, list[Any]] = {"input_ids": [], "position_ids": []}
    has_labels = "labels" in rows[0]
    is_weighted = any(row.get("loss_scale") is not None for row in rows)
    if has_labels:
        columns["labels"] = []
    if is_weighted:
        columns["loss_scale"] = []
    for row in rows:
        ids = row["input_ids"]
        columns["input_ids"] += ids
        columns["position_ids"] += range(len(ids))
        if has_labels:
            labels = [IGNORED, *row["labels"][1:]]
            columns["labels"] += labels
            if is_weighted:
                columns["loss_scale"] += weights_of({**row, "labels": labels})
    return {
        key: torch.tensor([values], dtype=torch.float32 if key == "loss_scale" else torch.int64)
        for key, values in columns.items()
    }


def logits_of(model: Any, input_ids: torch.Tensor, position_ids: torch.Tensor) -> torch.Tensor:
    """What a model says at every token, (batch, length, n)."""
    return model(input_ids=input_ids, position_ids=position_ids).logits


@torch.no_grad()
def require_isolation(model: Any, read: Callable[[Any, torch.Tensor, torch.Tensor], torch.Tensor] = logits_of) -> None:
    """Raise TrainingError unless the model keeps packed rows apart.

    Two short rows are run side by side, twice, with another first row the second time: what `read` finds at the second
    row's tokens must not change. Costs two forward passes over 16 tokens. Not every architecture and attention looks at
    the positions.
    """
    embeddings = model.get_input_embeddings()
    device, vocabulary = embeddings.weight.device, embeddings.num_embeddings
    generator = torch.Generator().manual_seed(0)
    first, second, other = torch.randint(0, vocabulary, (3, 8), generator=generator)
    positions = torch.arange(8).repeat(2)[None].to(device)
    was_training = model.training
    model.eval()
    try:
        logits = [
            read(model, torch.cat([before, second])[None].to(device), positions)[0, 8:].float()
            for before in (first, other)
        ]
    finally:
        model.train(was_training)
    # Kernels may round differently where other rows lie beside; a row that is seen changes logits far more than that.
    allowed = 1e-3 * float(logits[0].std())
    change = float((logits[0] - logits[1]).abs().max())
    if change > allowed:
        raise TrainingError(
            f"this model does not keep packed rows apart, its outputs change by {change:.3g} with the row beside it",
            fix="train without --packing and --padding_free, or with another --attn_impl (flash_attention_2, sdpa)",
        )
