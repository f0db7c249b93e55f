from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_lib.metrics.statistics import mean, pass_at_k, standard_deviation, wilson_interval


def test_wilson_interval_known_value() -> None:
    low, high = wilson_interval(45, 50)
    assert (round(low, 4), round(high, 4)) == (0.7864, 0.9565)


@given(st.integers(0, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_rate(pair: tuple[int, int]) -> None:
    successes, total = pair
    low, high = wilson_interval(successes, total)
    assert 0.0 <= low < high <= 1.0
    if total:
        assert low - 1e-12 <= successes / total <= high + 1e-12


@pytest.mark.parametrize("correct", range(6))
@pytest.mark.parametrize("k", range(1, 6))
def test_pass_at_k_is_the_share_of_draws_with_a_correct_one(correct: int, k: int) -> None:
    draws = list(combinations([True] * correct + [False] * (5 - correct), k))
    assert pass_at_k(5, correct, k) == pytest.approx(sum(map(any, draws)) / len(draws))


def test_mean_and_deviation() -> None:
    assert mean([]) == standard_deviation([]) == 0.0
    assert mean([1.0, 0.0]) == standard_deviation([1.0, 0.0]) == 0.5
    assert mean([1.0, 0.0, 0.0, 1.0]) == 0.5
