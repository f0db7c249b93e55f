"""The loss of each channel of the data beside the loss of all: `--enable_channel_loss`."""

from collections.abc import Sequence

import torch

from swift_lib.loss.collectives import gather_objects

IGNORED = -100
NO_CHANNEL = "none"
PREFIX = "loss_"


def row_numbers(shape: torch.Size, position_ids: torch.Tensor | None, rows: int) -> torch.Tensor:
    """Which of the batch's rows each token belongs to, int64 of `shape` (batch, length).

    One row a line where `rows` is the batch's size; else the lines hold rows side by side, each of which begins where
    its positions do.
    """
    lines = torch.arange(shape[0]).unsqueeze(1).expand(shape)
    if rows == shape[0]:
        return lines if position_ids is None else lines.to(position_ids.device)
    assert position_ids is not None and position_ids.shape == shape, "rows side by side are told apart by positions"
    return ((position_ids == 0).reshape(-1).cumsum(0) - 1).reshape(shape)


class ChannelLosses:
    """Mean loss of the trained tokens of each channel since the last report. Sums stay on the device until then."""

    def __init__(self) -> None:
        self._sums: dict[str, torch.Tensor] = {}  # name to (total, tokens), float64

    def update(
        self,
        token_loss: torch.Tensor,
        labels: torch.Tensor,
        channels: Sequence[str | None],
        position_ids: torch.Tensor | None = None,
    ) -> None:
        """Add a batch.

        token_loss: (batch, length), each label's loss at the label's own place; labels: (batch, length), -100 where
        nothing is trained. channels: of each row; a row without one counts as channel "none". position_ids: needed
        where several rows lie side by side in a line.
        """
        numbers = row_numbers(labels.shape, position_ids, len(channels)).to(labels.device).reshape(-1)
        trained = (labels != IGNORED).reshape(-1)
        values = torch.stack([token_loss.detach().reshape(-1) * trained, trained]).double()
        sums = values.new_zeros(2, len(channels)).index_add_(1, numbers, values)
        for name in dict.fromkeys(channels):
            places = [i for i, channel in enumerate(channels) if channel == name]
            key = NO_CHANNEL if name is None else name
            added = sums[:, places].sum(1)
            self._sums[key] = self._sums[key] + added if key in self._sums else added

    def take(self) -> dict[str, float]:
        """`loss_<channel>` of every channel that trained a token in any process, and begin again.

        Every process must call it at the same time: channels differ from one to another, so their names are told, too.
        """
        sums, self._sums = self._sums, {}
        total: dict[str, list[float]] = {}
        for found in gather_objects({name: values.tolist() for name, values in sums.items()}):
            for name, (loss, tokens) in found.items():
                before = total.setdefault(name, [0.0, 0.0])
                before[0] += loss
                before[1] += tokens
        return {PREFIX + name: loss / tokens for name, (loss, tokens) in sorted(total.items()) if tokens}


def at_labels(token_loss: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The losses of `per_token_loss_func`, (batch * length,), moved to the labels that they are of, (batch, length)."""
    return token_loss.reshape(labels.shape).roll(1, -1)
