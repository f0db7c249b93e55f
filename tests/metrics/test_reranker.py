import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st


def test_ranks_by_hand(metric: Any) -> None:
    """The positive is first of two, third of three; a document alone does not count."""
    scores = np.array([[2.0], [1.0], [0.1], [0.2], [0.3], [9.0]])
    found = metric("reranker", scores, np.array([1, 0, 1, 0, 0, 1]))
    assert found == pytest.approx({"mrr": (1 + 1 / 3) / 2, "ndcg": (1 + 1 / math.log2(4)) / 2})


def test_a_model_that_tells_nothing_apart_gets_no_credit(metric: Any) -> None:
    found = metric("reranker", np.zeros(4), np.array([1, 0, 0, 0]))
    assert found == pytest.approx({"mrr": 1 / 4, "ndcg": 1 / math.log2(5)})


def test_scores_that_are_no_numbers_are_the_worst(metric: Any) -> None:
    assert metric("reranker", np.array([np.nan, 1.0]), np.array([1, 0]))["mrr"] == 0.5


def test_without_a_group_it_is_0(metric: Any) -> None:
    assert metric("reranker", np.zeros(2), np.array([1, 1])) == {"mrr": 0.0, "ndcg": 0.0}


@given(
    groups=st.lists(st.lists(st.integers(-5, 5), min_size=2, max_size=5), min_size=1, max_size=5), random=st.randoms()
)
def test_order_of_queries_and_scale_of_scores_do_not_matter(groups: list[list[int]], random: Any, metric: Any) -> None:
    shuffled = groups[:]
    random.shuffle(shuffled)

    def of(order: list[list[int]], scale: float, shift: float) -> dict[str, float]:
        scores = np.array([scale * score + shift for group in order for score in group])
        return metric(
            "reranker", scores, np.array([label for group in order for label in [1] + [0] * (len(group) - 1)])
        )

    before, after = of(groups, 1, 0), of(shuffled, 3, -1)
    assert before == pytest.approx(after)
    assert 0 < before["mrr"] <= before["ndcg"] <= 1
