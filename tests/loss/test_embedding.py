"""Losses of embeddings: closed forms, gradients, what must not matter."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import normalize

from swift_lib.core.errors import ArgumentError, DataError
from swift_lib.core.ranking import InfonceOptions
from swift_lib.loss.infonce import infonce

Loss = Callable[..., torch.Tensor]
PAIRS = ["cosine_similarity", "contrastive", "online_contrastive"]


def at_angles(*degrees: float) -> torch.Tensor:
    radians = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    return torch.stack([radians.cos(), radians.sin()], dim=1)


def unit(count: int, width: int = 5, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return normalize(torch.randn(count, width, generator=generator, dtype=torch.float64))


# -- pairs -------------------------------------------------------------------------------------------------------------


def test_pairs_by_hand(embedding_loss: Loss) -> None:
    """Two pairs at 60 degrees, d = 0.5, and one of label 0 at 90 degrees, d = 1."""
    texts, labels = at_angles(0, 60, 10, 70, 0, 90), torch.tensor([1.0, 0.0, 0.0])
    assert embedding_loss("cosine_similarity", texts, labels).item() == pytest.approx((0.25 + 0.25 + 0) / 3)
    assert embedding_loss("contrastive", texts, labels).item() == pytest.approx(0.25 / 2 / 3, abs=1e-6)


def test_the_online_loss_takes_the_hard_pairs_only(embedding_loss: Loss) -> None:
    """Label 1 at 20 and 80 degrees, label 0 at 50 and 100: 80 is farther than 50, and 50 nearer than 80; others are
    easy."""
    texts, labels = at_angles(0, 20, 0, 80, 0, 50, 0, 100), torch.tensor([1.0, 1.0, 0.0, 0.0])
    hard_near, hard_far = 1 - math.cos(math.radians(80)), 1 - math.cos(math.radians(50))
    expected = hard_near**2 + (0.5 - hard_far) ** 2
    assert embedding_loss("online_contrastive", texts, labels).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("labels", [[1.0], [0.0], [1.0, 1.0], [0.0, 0.0]])
def test_the_online_loss_is_finite_where_a_kind_is_missing(labels: list[float], embedding_loss: Loss) -> None:
    """Nothing to compare with: a kind's own mean is the limit, and a lone pair is never beyond it."""
    found = embedding_loss("online_contrastive", at_angles(*range(0, 40 * len(labels), 20)), torch.tensor(labels))
    assert math.isfinite(found.item()) and (len(labels) == 2 or found.item() == 0)


@pytest.mark.parametrize("name", PAIRS)
def test_groups_with_negatives_are_no_pairs(name: str, embedding_loss: Loss) -> None:
    with pytest.raises(DataError, match=r"3 texts for 2 labels.*--loss_type infonce"):
        embedding_loss(name, unit(3), torch.tensor([1.0, 0.0]))


@pytest.mark.parametrize("name", [*PAIRS, "infonce"])
@settings(max_examples=25, deadline=None)
@given(order=st.permutations(range(4)), seed=st.integers(0, 99))
def test_the_order_of_pairs_does_not_matter(name: str, order: list[int], seed: int, embedding_loss: Loss) -> None:
    texts = unit(8, seed=seed)
    labels = torch.ones(4) if name == "infonce" else torch.tensor([1.0, 1.0, 0.0, 0.0])
    shuffled = texts.reshape(4, 2, -1)[order].reshape(8, -1)
    torch.testing.assert_close(
        embedding_loss(name, shuffled, labels[order]), embedding_loss(name, texts, labels), atol=1e-5, rtol=1e-5
    )


# -- InfoNCE -----------------------------------------------------------------------------------------------------------

LABELS = torch.tensor([1, 0, 0, 1, 1, 0])  # three groups of 2, 0 and 1 negatives
OPTIONS = [
    {},
    {"use_batch": False},
    {"include_qq": True, "include_dd": True},
    {"mask_fake_negative": True, "fake_neg_margin": 0.05},
    {"hard_negatives": 1, "mask_fake_negative": True, "include_qq": True},
]


def by_hand(texts: torch.Tensor, groups: list[list[int]], o: InfonceOptions) -> float:
    """One anchor after the other, in Python."""
    documents = [place for group in groups for place in group[1:]]
    total = 0.0
    for group in groups:
        anchor, positive = group[:2]
        limit = float(texts[anchor] @ texts[positive]) + o.fake_neg_margin
        candidates = [float(texts[anchor] @ texts[place]) for place in (documents if o.use_batch else group[1:])]
        if o.include_qq:
            candidates += [float(texts[anchor] @ texts[other[0]]) for other in groups if other is not group]
        if o.mask_fake_negative:
            candidates = [score for score in candidates if score <= limit]
        if o.include_dd:
            candidates += [float(texts[positive] @ texts[place]) for place in documents if place != positive]
        total += math.log(sum(math.exp(score / o.temperature) for score in candidates))
        total -= float(texts[anchor] @ texts[positive]) / o.temperature
    return total / len(groups)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("seed", range(3))
def test_ragged_groups_one_anchor_after_the_other(options: dict[str, Any], seed: int) -> None:
    texts, chosen = unit(9, seed=seed), InfonceOptions(**options)
    groups = [[0, 1, 2, 3], [4, 5], [6, 7, 8]]
    if chosen.hard_negatives == 1:
        groups[0] = [0, 1, 2]
    assert infonce(texts, LABELS, chosen).item() == pytest.approx(by_hand(texts, groups, chosen), rel=1e-9)


@pytest.mark.parametrize("options", OPTIONS)
def test_gradients_are_those_of_finite_differences(options: dict[str, Any]) -> None:
    texts = unit(9, seed=3).requires_grad_()
    assert torch.autograd.gradcheck(lambda rows: infonce(rows, LABELS, InfonceOptions(**options)), texts)


def test_masked_candidates_get_no_gradient() -> None:
    """The other anchor's document says the same as the first's positive, only more so."""
    texts = at_angles(0, 60, 5, 10).requires_grad_()
    infonce(texts, torch.tensor([1, 1]), InfonceOptions(mask_fake_negative=True)).backward()
    assert texts.grad is not None
    assert texts.grad[0].tolist() == [0.0, 0.0]  # nothing is left to tell the first anchor's positive from
    plain = at_angles(0, 60, 5, 10).requires_grad_()
    infonce(plain, torch.tensor([1, 1]), InfonceOptions()).backward()
    assert plain.grad is not None and plain.grad[0].abs().sum() > 0.1


def test_missing_negatives_are_drawn_from_the_anchors_own() -> None:
    """Of three draws from one negative all are it: its term counts three times."""
    texts = unit(5, seed=1)
    labels = torch.tensor([1, 0, 1])
    options = InfonceOptions(hard_negatives=3, use_batch=False)
    first = texts[0] @ texts[1:3].T / 0.1
    expected = torch.cat([first[:1], first[1:].repeat(3)]).logsumexp(0) - first[0]
    assert infonce(texts, labels, options).item() == pytest.approx(float(expected) / 2)


def test_draws_follow_torchs_generator() -> None:
    texts, labels = unit(4, seed=2), torch.tensor([1, 0, 0])
    found = []
    for seed in (0, 0, 1, 2, 3):
        torch.manual_seed(seed)
        found.append(infonce(texts, labels, InfonceOptions(hard_negatives=5)).item())
    assert found[0] == found[1] and len(set(found)) > 1


def test_a_lone_anchor_has_loss_and_gradient_0() -> None:
    texts = unit(2).requires_grad_()
    loss = infonce(texts, torch.tensor([1]), InfonceOptions())
    loss.backward()
    assert loss.item() == 0 and texts.grad is not None and texts.grad.abs().max().item() == 0


@pytest.mark.parametrize(
    ("labels", "told"),
    [([0, 1], "has no positive"), ([1, 0.8], "a label is 0.8.*cosine_similarity")],
)
def test_labels_that_make_no_groups_are_refused(labels: list[float], told: str, embedding_loss: Loss) -> None:
    with pytest.raises(DataError, match=told):
        embedding_loss("infonce", unit(3), torch.tensor(labels))


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"INFONCE_TEMPERATURE": "0"}, "INFONCE_TEMPERATURE: the environment says '0'; give a number, more than 0"),
        ({"INFONCE_TEMPERATURE": "warm"}, "INFONCE_TEMPERATURE: the environment says 'warm'"),
        ({"INFONCE_USE_BATCH": "maybe"}, "INFONCE_USE_BATCH: the environment says 'maybe'; give True or False"),
        ({"INFONCE_HARD_NEGATIVES": "0"}, "INFONCE_HARD_NEGATIVES: .* at least 1"),
        ({"INFONCE_USE_BATCH": "0", "INFONCE_INCLUDE_DD": "1"}, "INFONCE_INCLUDE_DD: compares with the batch"),
    ],
)
def test_wrong_variables_are_refused(
    variables: dict[str, str], told: str, embedding_loss: Loss, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ArgumentError, match=told):
        embedding_loss("infonce", unit(2), torch.ones(1))
