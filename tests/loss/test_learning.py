"""Each loss teaches a tiny model: 50 steps of a bare loop take at least a fifth off it."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn.functional import normalize
from transformers import Qwen2Config, Qwen2ForCausalLM

from swift_lib.loss.base import make_loss
from swift_lib.loss.causal_lm import per_token_loss_func
from swift_lib.loss.mapping import TASKS

STEPS = 50


class Learner(torch.nn.Module):
    """A language model of 10,000 parameters with a score on top."""

    def __init__(self) -> None:
        super().__init__()
        config = Qwen2Config(
            vocab_size=32, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=2, pad_token_id=0,
        )  # fmt: skip
        torch.manual_seed(0)
        self.language = Qwen2ForCausalLM(config)
        self.score = torch.nn.Linear(32, 1)

    def logits(self, ids: torch.Tensor) -> Any:
        return self.language(input_ids=ids)

    def embeddings(self, ids: torch.Tensor) -> Any:
        return {"last_hidden_state": normalize(self.language.model(input_ids=ids).last_hidden_state[:, -1])}

    def scores(self, ids: torch.Tensor) -> Any:
        return SimpleNamespace(logits=self.score(self.language.model(input_ids=ids).last_hidden_state[:, -1]))


def learned(name: str, forward: Callable[[Learner], Any], labels: torch.Tensor, **args: Any) -> tuple[float, float]:
    """The loss before and after."""
    model = Learner()
    loss = make_loss(name, SimpleNamespace(**args), None)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    values = []
    for _ in range(STEPS + 1):
        value = loss(forward(model), labels)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(value.item())
    return values[0], values[-1]


def ids(rows: int, length: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.randint(1, 32, (rows, length), generator=torch.Generator().manual_seed(seed))


def texts(groups: list[int]) -> torch.Tensor:
    """Groups of an anchor, its reverse, and others."""
    rows = []
    for number, negatives in enumerate(groups):
        anchor = ids(1, seed=number)
        rows += [anchor, anchor.flip(1), ids(negatives, seed=100 + number)]
    return torch.cat(rows)


def test_next_tokens() -> None:
    tokens = ids(4)
    before, after = learned("cross_entropy", lambda model: model.logits(tokens), tokens)
    assert after < 0.8 * before


def test_dynamic_fine_tuning() -> None:
    """What it lowers is the mean of -p; its value, -p log p, is small for hopeless tokens, too."""
    tokens, probabilities = ids(4), []

    def forward(model: Learner) -> Any:
        outputs = model.logits(tokens)
        probabilities.append((-per_token_loss_func(outputs, tokens).detach()).exp().mean().item())
        return outputs

    learned("cross_entropy", forward, tokens, enable_dft_loss=True)
    assert 1 - probabilities[-1] < 0.8 * (1 - probabilities[0])


@pytest.mark.parametrize("name", ["cosine_similarity", "contrastive", "online_contrastive"])
def test_pairs(name: str) -> None:
    tokens, labels = texts([0] * 8), torch.tensor([1.0, 0.0] * 4)
    before, after = learned(name, lambda model: model.embeddings(tokens), labels)
    assert after < 0.8 * before


@pytest.mark.parametrize("groups", [[0] * 8, [2, 1, 0, 3]])
@pytest.mark.parametrize("args", [{}, {"mrl_dims": {"8": 1.0, "32": 1.0}}])
def test_infonce(groups: list[int], args: dict[str, Any]) -> None:
    labels = torch.tensor([label for negatives in groups for label in [1] + [0] * negatives])
    tokens = texts(groups)
    before, after = learned("infonce", lambda model: model.embeddings(tokens), labels, **args)
    assert after < 0.8 * before


@pytest.mark.parametrize("name", ["pointwise_reranker", "listwise_reranker"])
def test_rerankers(name: str) -> None:
    tokens, labels = ids(8), torch.tensor([1, 0, 0, 1, 0, 1, 0, 0])
    before, after = learned(name, lambda model: model.scores(tokens), labels)
    assert after < 0.8 * before


@pytest.mark.parametrize("name", [name for name, tasks in TASKS.items() if tasks == ("decision",)])
def test_decisions(name: str) -> None:
    """Four questions of three options each."""
    tokens, wanted = ids(12), torch.eye(3)[[0, 2, 1, 1]]
    before, after = learned(
        name, lambda model: SimpleNamespace(logits=model.scores(tokens).logits.reshape(4, 3)), wanted
    )
    assert after < 0.8 * before
