import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swift_lib.loss.causal_lm import per_token_loss_func
from swift_lib.loss.channels import ChannelLosses, at_labels, row_numbers

LABELS = torch.tensor([[-100, 1, 2], [-100, -100, 3], [-100, 4, -100]])
LOSSES = torch.tensor([[0.0, 1.0, 3.0], [0.0, 0.0, 5.0], [0.0, 7.0, 0.0]])


def test_each_channel_has_the_mean_of_its_tokens() -> None:
    channels = ChannelLosses()
    channels.update(LOSSES, LABELS, ["news", "code", "news"])
    assert channels.take() == pytest.approx({"loss_code": 5.0, "loss_news": (1 + 3 + 7) / 3})


def test_batches_add_up_until_they_are_reported() -> None:
    channels = ChannelLosses()
    channels.update(LOSSES[:1], LABELS[:1], ["news"])
    channels.update(LOSSES[1:], LABELS[1:], ["news", None])
    assert channels.take() == pytest.approx({"loss_news": 3.0, "loss_none": 7.0})
    assert channels.take() == {}


def test_a_channel_without_a_trained_token_is_left_out() -> None:
    channels = ChannelLosses()
    channels.update(torch.zeros(2, 2), torch.tensor([[-100, 1], [-100, -100]]), ["a", "b"])
    assert channels.take() == {"loss_a": 0.0}


def test_token_losses_are_moved_to_their_labels() -> None:
    torch.manual_seed(0)
    each = at_labels(per_token_loss_func({"logits": torch.randn(3, 3, 9)}, LABELS), LABELS)
    assert (each != 0).equal(LABELS != -100)


def test_rows_side_by_side_begin_where_their_positions_do() -> None:
    positions = torch.tensor([[0, 1, 2, 0, 0, 1]])
    assert row_numbers(positions.shape, positions, 3).tolist() == [[0, 0, 0, 1, 2, 2]]
    with pytest.raises(AssertionError, match="told apart by positions"):
        row_numbers(positions.shape, None, 3)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["a", "b", None])), min_size=1, max_size=6),
    st.integers(0, 1000),
)
def test_packing_does_not_change_a_channels_loss(rows: list[tuple[int, str | None]], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    width, names = max(length for length, _ in rows), [name for _, name in rows]
    labels, losses = torch.full((len(rows), width), -100), torch.zeros(len(rows), width)
    for i, (length, _) in enumerate(rows):
        labels[i, 1:length] = torch.randint(-1, 2, (length - 1,), generator=generator)
        losses[i, :length] = torch.rand(length, generator=generator)
    labels[labels == -1] = -100
    lengths = [length for length, _ in rows]
    packed = [
        torch.cat([part[:length] for part, length in zip(lines, lengths, strict=True)])[None]
        for lines in (losses, labels, torch.arange(width).expand(len(rows), width))
    ]
    in_lines, side_by_side = ChannelLosses(), ChannelLosses()
    in_lines.update(losses, labels, names)
    side_by_side.update(packed[0], packed[1], names, packed[2])
    assert in_lines.take() == pytest.approx(side_by_side.take())
