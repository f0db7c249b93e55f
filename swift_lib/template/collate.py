"""Rows of token ids to one padded batch: the only place where padding is decided."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from swift_lib.core.errors import TemplateError
from swift_lib.template.mask import IGNORED

PAD_VALUES: dict[str, float] = {"labels": IGNORED, "loss_scale": 0.0, "position_ids": 0, "token_type_ids": 0}


def collate(
    rows: Sequence[Mapping[str, Any]],
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
        columns["loss_scale"] = [weights_of(row) for row in rows]
    columns["attention_mask"] = [[1] * length for length in lengths]
    if with_positions:
        columns["position_ids"] = [list(range(length)) for length in lengths]
    batch = {}
    for key, values in columns.items():
        pad = pad_token_id if key == "input_ids" else PAD_VALUES.get(key, 0)
        padded = [_pad(value, width, pad, padding_side) for value in values]
        batch[key] = torch.tensor(padded, dtype=torch.float32 if key == "loss_scale" else torch.int64)
    return batch


def pooled_tokens(batch: Mapping[str, torch.Tensor], *, first: bool = False) -> torch.Tensor:
    """The last (first) token of each sequence of a batch, padded or packed: positions in the flattened batch, int64.

    Told by attention_mask or, where there is none, by position_ids that begin anew with each sequence.
    """
    mask = batch.get("attention_mask")
    if mask is None:
        starts = (batch["position_ids"].flatten() == 0).nonzero().flatten()
        ends = torch.cat([starts[1:], torch.tensor([batch["input_ids"].numel()])])
        return starts if first else ends - 1
    width = mask.shape[1]
    rows = torch.arange(mask.shape[0]) * width
    return rows + (mask.argmax(1) if first else width - 1 - mask.flip(1).argmax(1))


def pad_id(tokenizer: Any) -> int:
    """The id that fills rows. Raises TemplateError where the tokenizer has none."""
    if tokenizer.pad_token_id is None:
        raise TemplateError(
            "the tokenizer has no pad token, so rows cannot be put in one batch",
            where=f"tokenizer {getattr(tokenizer, 'name_or_path', '')!r}",
            fix="set pad_token in tokenizer_config.json, or give --pad_token",
        )
    return int(tokenizer.pad_token_id)


def kept_columns(batch: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What rows carry beside sequences, as lists: their channels, and columns kept with remove_unused_columns=False."""
    kept: dict[str, Any] = {}
    if any(row.get("channel") is not None for row in batch):
        kept["channel"] = [row.get("channel") for row in batch]
    extras = [row.get("_extra_kwargs") or row.get("extra") or {} for row in batch]
    for key in dict.fromkeys(key for extra in extras for key in extra):
        kept.setdefault(key, [extra.get(key) for extra in extras])
    return kept


def _pad(values: list[Any], width: int, pad: float, side: str) -> list[Any]:
    padding = [pad] * (width - len(values))
    return padding + values if side == "left" else values + padding


def weights_of(row: Mapping[str, Any]) -> list[float]:
    """A row's weights; a row that has none weighs every trained token 1."""
    weights = row.get("loss_scale")
    return list(weights) if weights is not None else [float(label != IGNORED) for label in row["labels"]]


def concatenated(rows: Sequence[Mapping[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The rows' tensors under each key, one after the other along the first dimension.

    Where they differ in another one (images with different numbers of patches), the smaller are filled with zeros.
    """
    keys = dict.fromkeys(key for row in rows for key in row)
    return {key: _concatenate([row[key] for row in rows if key in row]) for key in keys}


def _concatenate(tensors: Sequence[torch.Tensor]) -> torch.Tensor:
    shape = [max(sizes) for sizes in zip(*(tensor.shape[1:] for tensor in tensors), strict=True)]
    filled = []
    for tensor in tensors:
        if list(tensor.shape[1:]) != shape:
            whole = tensor.new_zeros(tensor.shape[0], *shape)
            whole[tuple(slice(size) for size in tensor.shape)] = tensor
            tensor = whole
        filled.append(tensor)
    return torch.cat(filled)
