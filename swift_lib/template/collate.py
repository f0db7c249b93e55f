"""Rows of token ids to one padded batch: the only place where padding is decided."""

from collections.abc import Sequence
from typing import Any

import torch

from swift_lib.template.mask import IGNORED

PAD_VALUES: dict[str, float] = {"labels": IGNORED, "loss_scale": 0.0, "position_ids": 0, "token_type_ids": 0}


def collate(
    rows: Sequence[dict[str, Any]],
    *,
    pad_token_id: int,
    padding_side: str,
    with_positions: bool = False,
    padding_to: int | None = None,
) -> dict[str, torch.Tensor]:
    """Pad rows (lists under input_ids and, where they have them, labels and loss_scale) to (batch, length).

    length is the longest row's, or `padding_to` where that is larger. Adds attention_mask (1 for real tokens); ids and
    labels are int64, weights float32. with_positions: position_ids that count from each row's first real token.
    """
    lengths = [len(row["input_ids"]) for row in rows]
    width = max([*lengths, padding_to or 0])
    columns: dict[str, list[list[Any]]] = {"input_ids": [list(row["input_ids"]) for row in rows]}
    if "labels" in rows[0]:
        columns["labels"] = [list(row["labels"]) for row in rows]
    if any(row.get("loss_scale") is not None for row in rows):
        columns["loss_scale"] = [_weights(row) for row in rows]
    columns["attention_mask"] = [[1] * length for length in lengths]
    if with_positions:
        columns["position_ids"] = [list(range(length)) for length in lengths]
    batch = {}
    for key, values in columns.items():
        pad = pad_token_id if key == "input_ids" else PAD_VALUES.get(key, 0)
        padded = [_pad(value, width, pad, padding_side) for value in values]
        batch[key] = torch.tensor(padded, dtype=torch.float32 if key == "loss_scale" else torch.int64)
    return batch


def _pad(values: list[Any], width: int, pad: float, side: str) -> list[Any]:
    padding = [pad] * (width - len(values))
    return padding + values if side == "left" else values + padding


def _weights(row: dict[str, Any]) -> list[float]:
    """A row's weights; a row that has none weighs every trained token 1."""
    weights = row.get("loss_scale")
    return list(weights) if weights is not None else [float(label != IGNORED) for label in row["labels"]]
