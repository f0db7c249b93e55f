import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_lib.core.errors import DataError
from swift_lib.core.ranking import anchored, groups


def test_a_group_begins_at_every_1() -> None:
    assert groups([1, 0, 0, 1, 1.0, 0]) == [range(3), range(3, 4), range(4, 6)]
    assert groups([]) == []


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6))
def test_anchors_stand_before_their_documents(negatives: list[int]) -> None:
    """Every text has one place, and every group its anchor, its positive and its negatives."""
    labels = [label for count in negatives for label in [1] + [0] * count]
    found = anchored(labels)
    assert [len(group) - 2 for group in found] == negatives
    assert [place for group in found for place in group] == list(range(len(labels) + len(negatives)))


@pytest.mark.parametrize(("labels", "told"), [([0, 1], "has no positive"), ([1, 0.5], "a label is 0.5")])
def test_other_labels_are_refused(labels: list[float], told: str) -> None:
    with pytest.raises(DataError, match=told):
        groups(labels)
