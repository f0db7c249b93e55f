import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from swift_lib.core.errors import ArgumentError, DataError
from swift_lib.loss.reranker import generative_scores

Loss = Callable[..., torch.Tensor]


def test_pointwise_by_hand(score_loss: Loss) -> None:
    found = score_loss("pointwise_reranker", torch.tensor([[0.0], [math.log(3)]]), torch.tensor([1, 0]))
    assert found.item() == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_listwise_by_hand(score_loss: Loss) -> None:
    """One group of three equal scores, one of a single document, which has nothing to be told from."""
    found = score_loss("listwise_reranker", torch.zeros(4, 1), torch.tensor([1, 0, 0, 1]))
    assert found.item() == pytest.approx(math.log(3))


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4), seed=st.integers(0, 99), random=st.randoms())
def test_the_order_of_groups_does_not_matter(sizes: list[int], seed: int, random: object, score_loss: Loss) -> None:
    generator = torch.Generator().manual_seed(seed)
    groups = [(torch.randn(size, 1, generator=generator), [1] + [0] * (size - 1)) for size in sizes]
    shuffled = groups[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for name in ("pointwise_reranker", "listwise_reranker"):
        found = [
            score_loss(name, torch.cat([scores for scores, _ in order]), torch.tensor([x for _, y in order for x in y]))
            for order in (groups, shuffled)
        ]
        torch.testing.assert_close(*found)


def test_only_differences_within_a_group_count(score_loss: Loss) -> None:
    scores, labels = torch.tensor([[1.0], [0.5], [2.0], [1.5]]), torch.tensor([1, 0, 1, 0])
    moved = scores + torch.tensor([[10.0], [10.0], [-3.0], [-3.0]])
    torch.testing.assert_close(
        score_loss("listwise_reranker", moved, labels), score_loss("listwise_reranker", scores, labels)
    )


@pytest.mark.parametrize("name", ["pointwise_reranker", "listwise_reranker"])
def test_gradients_are_those_of_finite_differences(name: str, score_loss: Loss) -> None:
    labels = torch.tensor([1, 0, 0, 1, 0])
    scores = torch.randn(5, 1, generator=torch.Generator().manual_seed(0)).requires_grad_()
    score_loss(name, scores, labels).backward()
    assert scores.grad is not None
    for place in range(5):
        step = torch.zeros(5, 1)
        step[place] = 1e-2
        with torch.no_grad():
            slope = (score_loss(name, scores + step, labels) - score_loss(name, scores - step, labels)) / 2e-2
        assert scores.grad[place].item() == pytest.approx(slope.item(), abs=1e-4)


def test_without_a_group_that_counts_backward_still_works(score_loss: Loss) -> None:
    scores = torch.randn(2, 1, requires_grad=True)
    loss = score_loss("listwise_reranker", scores, torch.tensor([1, 1]))
    loss.backward()
    assert loss.item() == 0 and scores.grad is not None and scores.grad.tolist() == [[0.0], [0.0]]


def test_a_group_begins_with_its_positive(score_loss: Loss) -> None:
    with pytest.raises(DataError, match="no positive"):
        score_loss("listwise_reranker", torch.zeros(2, 1), torch.tensor([0, 1]))


def test_wrong_variables_are_refused(score_loss: Loss, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTWISE_RERANKER_TEMPERATURE", "-1")
    with pytest.raises(ArgumentError, match="LISTWISE_RERANKER_TEMPERATURE"):
        score_loss("listwise_reranker", torch.zeros(2, 1), torch.tensor([1, 0]))


def test_a_generative_rerankers_score_is_the_log_odds_of_its_two_words() -> None:
    logits = torch.randn(3, 10, generator=torch.Generator().manual_seed(0))
    found = generative_scores(logits, positive_id=7, negative_id=2)
    both = logits[:, [2, 7]].softmax(1)
    assert found.shape == (3, 1)
    torch.testing.assert_close(found.sigmoid().squeeze(1), both[:, 1])
