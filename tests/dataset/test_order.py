"""The order of training: a permutation of the rows that is known at any position without what comes before."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_lib.dataset.order import TrainingOrder

PINNED = [5, 3, 4, 0, 1, 9, 2, 8, 7, 6]


@given(st.integers(1, 3000), st.integers(0, 2**40), st.integers(0, 50))
def test_every_row_comes_once(length: int, seed: int, epoch: int) -> None:
    rows = TrainingOrder(length, seed).rows(epoch, 0, length)
    assert sorted(rows.tolist()) == list(range(length))


@given(st.integers(1, 2000), st.data())
def test_any_stretch_is_the_same_alone_as_within_the_whole(length: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, length))
    stop = data.draw(st.integers(start, length))
    grouped = data.draw(st.booleans())
    lengths = np.random.RandomState(0).randint(1, 50, length) if grouped else None
    order = TrainingOrder(length, 7, lengths=lengths, group=16 if grouped else 1)
    assert order.rows(3, start, stop).tolist() == order.rows(3, 0, length)[start:stop].tolist()


def test_the_order_never_changes() -> None:
    """Stored runs go on from it: these numbers may not change with a library or a release."""
    assert TrainingOrder(10, 42).rows(0, 0, 10).tolist() == PINNED
    assert TrainingOrder(10, 42).rows(1, 0, 10).tolist() != PINNED
    assert TrainingOrder(10, 43).rows(0, 0, 10).tolist() != PINNED


def test_rows_are_spread_evenly() -> None:
    """Each row comes at each place equally often over many epochs: chi-square of 20 x 20 counts."""
    counts = np.zeros((20, 20))
    for epoch in range(4000):
        counts[np.arange(20), TrainingOrder(20, 1).rows(epoch, 0, 20)] += 1
    statistic = ((counts - 200) ** 2 / 200).sum()
    assert statistic < 361 + 5 * np.sqrt(2 * 361)  # 19 * 19 degrees of freedom, five standard deviations


def test_neighbours_are_no_neighbours_afterwards() -> None:
    rows = TrainingOrder(100_000, 5).rows(0, 0, 100_000)
    steps = np.abs(np.diff(rows))
    assert np.mean(steps) == pytest.approx(100_000 / 3, rel=0.02)
    assert np.abs(np.corrcoef(rows, np.arange(100_000))[0, 1]) < 0.02


def test_without_shuffle_rows_keep_their_order() -> None:
    assert TrainingOrder(10, 1, shuffle=False).rows(4, 3, 7).tolist() == [3, 4, 5, 6]


def test_grouped_rows_are_of_like_length_and_all_there() -> None:
    lengths = np.random.RandomState(0).randint(1, 1000, 4096)
    rows = TrainingOrder(4096, 1, lengths=lengths, group=512).rows(0, 0, 4096)
    assert sorted(rows.tolist()) == list(range(4096))
    batches = lengths[rows].reshape(-1, 8)
    apart = lengths[TrainingOrder(4096, 1).rows(0, 0, 4096)].reshape(-1, 8)
    assert np.ptp(batches, axis=1).mean() < 0.1 * np.ptp(apart, axis=1).mean()
    assert len({tuple(batch) for batch in batches[:64].tolist()}) > 32


def test_the_last_position_of_ten_million_is_found_without_the_others() -> None:
    order = TrainingOrder(10_000_000, 3)
    assert len(set(order.rows(9, 9_999_000, 10_000_000).tolist())) == 1000
