import math
from collections.abc import Callable

import pytest
import torch

Loss = Callable[..., torch.Tensor]
NAMES = ["scoring", "distill_rps", "smooth_brier", "ce_rps"]
# Three options of equal probability, and a question of two.
LOGITS = torch.tensor([[0.0, 0.0, 0.0], [0.0, math.log(3), 9.0]])
WANTED = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, -100.0]])
ENTROPY = (math.log(3) + (math.log(4) + math.log(4 / 3)) / 2) / 2
RPS = (((1 / 3 - 1) ** 2 + (2 / 3 - 1) ** 2) / 2, (1 / 4 - 1 / 2) ** 2)


def test_soft_cross_entropy_by_hand(score_loss: Loss) -> None:
    assert score_loss("scoring", LOGITS, WANTED).item() == pytest.approx(ENTROPY)


def test_ranked_probability_by_hand(score_loss: Loss) -> None:
    assert score_loss("ce_rps", LOGITS, WANTED).item() == pytest.approx(ENTROPY + 0.5 * sum(RPS) / 2)
    ordinal = torch.tensor([True, False])
    found = score_loss("distill_rps", LOGITS, WANTED, ordinal=ordinal)
    assert found.item() == pytest.approx(ENTROPY + 0.5 * RPS[0] / 2)


def test_smoothing_and_brier_by_hand(score_loss: Loss) -> None:
    smoothed = (math.log(3) + (math.log(4) + math.log(4 / 3)) / 2) / 2  # equal shares of equal logits change nothing
    brier = ((2 / 3) ** 2 + 2 * (1 / 3) ** 2 + 2 * (1 / 4) ** 2) / 2
    assert score_loss("smooth_brier", LOGITS, WANTED).item() == pytest.approx(smoothed + brier)


def test_smoothing_shares_among_the_options_that_are_there(score_loss: Loss, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEF_LABEL_SMOOTHING", "0.2")
    monkeypatch.setenv("CLEF_BRIER_WEIGHT", "0")
    found = score_loss("smooth_brier", torch.tensor([[0.0, math.log(3), 9.0]]), torch.tensor([[0.0, 1.0, -100.0]]))
    assert found.item() == pytest.approx(0.9 * math.log(4 / 3) + 0.1 * math.log(4))


def test_the_weight_of_the_ranked_score_is_a_variable(score_loss: Loss, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMNIJEV_RPS_WEIGHT", "2")
    assert score_loss("ce_rps", LOGITS, WANTED).item() == pytest.approx(ENTROPY + 2 * sum(RPS) / 2)


@pytest.mark.parametrize("name", NAMES)
def test_an_option_that_is_not_there_gets_no_gradient(name: str, score_loss: Loss) -> None:
    logits = LOGITS.clone().requires_grad_()
    score_loss(name, logits, WANTED).backward()
    assert logits.grad is not None and bool(torch.isfinite(logits.grad).all())
    assert logits.grad[1, 2].item() == 0 and logits.grad[0].abs().sum() > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_wanted_probabilities_are_the_best(name: str, score_loss: Loss, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEF_LABEL_SMOOTHING", "0")
    wanted = torch.tensor([[0.2, 0.5, 0.3]])
    logits = torch.zeros(1, 3, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        score_loss(name, logits, wanted).backward()
        optimizer.step()
    torch.testing.assert_close(logits.softmax(1), wanted, atol=1e-3, rtol=0)
