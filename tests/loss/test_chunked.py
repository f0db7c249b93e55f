from typing import Any

import pytest
import torch

from swift_lib.loss.causal_lm import weighted_cross_entropy
from swift_lib.loss.chunked import ChunkedLoss, chunked_cross_entropy, cross_entropy_of_logits

BATCH, LENGTH, WIDTH, VOCABULARY = 3, 20, 16, 300


@pytest.fixture
def parts() -> dict[str, Any]:
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, VOCABULARY, (BATCH, LENGTH), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < 0.4] = -100
    return {
        "hidden": torch.randn(BATCH, LENGTH, WIDTH, generator=generator, requires_grad=True),
        "weight": torch.randn(VOCABULARY, WIDTH, generator=generator, requires_grad=True),
        "bias": torch.randn(VOCABULARY, generator=generator, requires_grad=True),
        "labels": labels,
        "loss_scale": torch.rand(labels.shape, generator=generator),
    }


def logits_of(parts: dict[str, Any], *, scale: float = 1.0, softcap: float | None = None) -> torch.Tensor:
    logits = scale * torch.nn.functional.linear(parts["hidden"], parts["weight"], parts["bias"])
    return logits if softcap is None else softcap * torch.tanh(logits / softcap)


def chunked(parts: dict[str, Any], **options: Any) -> ChunkedLoss:
    return chunked_cross_entropy(parts["hidden"], parts["weight"], parts["bias"], parts["labels"], **options)


def gradients(loss: torch.Tensor, parts: dict[str, Any]) -> tuple[torch.Tensor, ...]:
    return torch.autograd.grad(loss, [parts["hidden"], parts["weight"], parts["bias"]])


@pytest.mark.parametrize("chunk_tokens", [1, 7, None])
@pytest.mark.parametrize("softcap", [None, 5.0])
@pytest.mark.parametrize("scale", [1.0, 0.25])
def test_loss_and_gradients_are_those_of_the_logits(
    parts: dict[str, Any], chunk_tokens: int | None, softcap: float | None, scale: float
) -> None:
    options = {"loss_scale": parts["loss_scale"], "num_items_in_batch": 50.0}
    wanted = weighted_cross_entropy(logits_of(parts, scale=scale, softcap=softcap), parts["labels"], **options)
    found = chunked(parts, chunk_tokens=chunk_tokens, logit_scale=scale, logit_softcap=softcap, **options).loss
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=0)
    for one, other in zip(gradients(found, parts), gradients(wanted, parts), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


def test_without_a_count_it_is_the_mean_of_the_batch(parts: dict[str, Any]) -> None:
    torch.testing.assert_close(chunked(parts).loss, weighted_cross_entropy(logits_of(parts), parts["labels"]))


def test_large_logits_stay_exact(parts: dict[str, Any]) -> None:
    wanted = weighted_cross_entropy(logits_of(parts, scale=50.0), parts["labels"])
    torch.testing.assert_close(chunked(parts, logit_scale=50.0).loss, wanted, rtol=1e-6, atol=0)


def test_right_tokens_are_those_of_argmax(parts: dict[str, Any]) -> None:
    best = logits_of(parts)[:, :-1].argmax(-1)
    parts["labels"][:, 1::3] = best[:, 0::3]  # else chance makes nearly none of 300 right
    found = chunked(parts, want_accuracy=True, chunk_tokens=5).correct
    assert found == (best == parts["labels"][:, 1:]).sum() > 10


def test_ties_of_half_precision_go_to_the_first_as_argmax_has_it() -> None:
    hidden, labels = torch.ones(1, 3, 2, dtype=torch.bfloat16), torch.tensor([[-100, 0, 3]])
    found = chunked_cross_entropy(hidden, torch.ones(5, 2, dtype=torch.bfloat16), None, labels, want_accuracy=True)
    assert found.correct == 1


def test_each_token_has_its_own_loss_at_its_own_place(parts: dict[str, Any]) -> None:
    each = chunked(parts, want_each=True, loss_scale=parts["loss_scale"], chunk_tokens=4).each
    assert each is not None and each.shape == parts["labels"].shape
    chosen = parts["labels"].clone()
    chosen[:, 0] = -100
    at = (chosen != -100).nonzero()[5].tolist()
    alone = torch.full_like(chosen, -100)
    alone[at[0], at[1]] = chosen[at[0], at[1]]
    torch.testing.assert_close(each[at[0], at[1]], weighted_cross_entropy(logits_of(parts), alone).detach())
    assert (each[chosen == -100] == 0).all() and not each.requires_grad


def test_dft_weighs_each_token_by_its_probability(parts: dict[str, Any]) -> None:
    own = logits_of(parts, scale=0.1)[:, :-1].log_softmax(-1)
    kept = parts["labels"][:, 1:] != -100
    own = own[kept].gather(-1, parts["labels"][:, 1:][kept][:, None])
    wanted = -(own.detach().exp() * own).mean()
    found = chunked(parts, logit_scale=0.1, dft=True, chunk_tokens=6).loss
    torch.testing.assert_close(found, wanted)
    for one, other in zip(gradients(found, parts), gradients(wanted, parts), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_multiplies_in_half_precision_and_sums_in_full(parts: dict[str, Any], dtype: torch.dtype) -> None:
    with torch.autocast("cpu", dtype):
        wanted = weighted_cross_entropy(logits_of(parts), parts["labels"])
        found = chunked(parts, chunk_tokens=8).loss
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, wanted, rtol=1e-3, atol=0)
    for one, other in zip(gradients(found, parts), gradients(wanted, parts), strict=True):
        assert one.dtype == torch.float32
        assert (one - other).norm() < 0.02 * other.norm()


def test_half_precision_keeps_gradients_that_the_division_makes_small(parts: dict[str, Any]) -> None:
    half = {name: parts[name].detach().half().requires_grad_() for name in ("hidden", "weight", "bias")}
    many = 1e9  # trained tokens: 1 / many is nothing in float16
    loss = chunked({**parts, **half}, num_items_in_batch=many).loss * many
    wanted = weighted_cross_entropy(logits_of(parts), parts["labels"], num_items_in_batch=1.0)
    (found,) = torch.autograd.grad(loss, [half["hidden"]])
    (exact,) = torch.autograd.grad(wanted, [parts["hidden"]])
    assert (found.float() - exact).norm() < 0.01 * exact.norm()


def test_a_frozen_head_gets_no_gradient(parts: dict[str, Any]) -> None:
    parts["weight"].requires_grad_(False)
    parts["bias"].requires_grad_(False)
    chunked(parts).loss.backward()
    assert parts["hidden"].grad is not None and parts["weight"].grad is None


def test_without_gradients_nothing_is_kept(parts: dict[str, Any]) -> None:
    with torch.no_grad():
        found = chunked(parts, want_accuracy=True)
    assert not found.loss.requires_grad
    torch.testing.assert_close(found.loss, weighted_cross_entropy(logits_of(parts), parts["labels"]).detach())


def test_a_batch_that_trains_nothing_adds_nothing(parts: dict[str, Any]) -> None:
    parts["labels"].fill_(-100)
    loss = chunked(parts, num_items_in_batch=7.0).loss
    assert loss == 0
    assert all((gradient == 0).all() for gradient in gradients(loss, parts))


def test_logits_of_a_chunk_only_are_held(parts: dict[str, Any]) -> None:
    sizes: list[int] = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            out = func(*args, **(kwargs or {}))
            sizes.extend(t.numel() for t in (out if isinstance(out, tuple) else (out,)) if isinstance(t, torch.Tensor))
            return out

    with Watch():
        chunked(parts, chunk_tokens=4).loss.backward()
    assert max(sizes) == VOCABULARY * WIDTH  # the head's own gradient; all logits would be 60 x 300


@pytest.mark.parametrize("dft", [False, True])
def test_from_logits_it_is_the_same(parts: dict[str, Any], dft: bool) -> None:
    options = {"loss_scale": parts["loss_scale"], "dft": dft, "want_accuracy": True, "want_each": True}
    found, wanted = cross_entropy_of_logits(logits_of(parts), parts["labels"], **options), chunked(parts, **options)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)
