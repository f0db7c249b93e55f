"""Next-token cross entropy from hidden states: logits of trained positions only, a chunk of them at a time."""

import math
from typing import Any, NamedTuple

import torch
from torch.autograd.function import once_differentiable
from torch.nn.functional import cross_entropy

IGNORED = -100
CHUNK_LOGITS = {"cpu": 2**24, "cuda": 2**27}  # logits held at once: 64 MiB of float32 stay near a CPU's caches


class ChunkedLoss(NamedTuple):
    """loss: scalar float32, nats per trained token; correct: int64 scalar, trained tokens that were the likeliest.

    each: (batch, length) float32, a token's own unweighted -log p at the token's place in labels, 0 where nothing is
    trained, without gradient. correct and each are None where they were not asked for.
    """

    loss: torch.Tensor
    correct: torch.Tensor | None = None
    each: torch.Tensor | None = None


def chunked_cross_entropy(
    hidden: torch.Tensor,
    head_weight: torch.Tensor,
    head_bias: torch.Tensor | None,
    labels: torch.Tensor,
    *,
    loss_scale: torch.Tensor | None = None,
    num_items_in_batch: torch.Tensor | float | None = None,
    chunk_tokens: int | None = None,
    logit_scale: float = 1.0,
    logit_softcap: float | None = None,
    dft: bool = False,
    want_accuracy: bool = False,
    want_each: bool = False,
) -> ChunkedLoss:
    """What `weighted_cross_entropy` gives for logits = hidden @ head_weight.T + head_bias, without keeping logits.

    hidden: (batch, length, width), the states that go into the output head; head_weight: (vocabulary, width); labels,
    loss_scale and num_items_in_batch as in `weighted_cross_entropy`. chunk_tokens: trained positions whose logits
    exist at once. logit_scale multiplies the logits, then logit_softcap c turns each into c * tanh(logit / c).
    dft: weigh each token's loss by its own probability, taken as a constant (Wu et al. 2025, arXiv 2508.05629, eq. 9).

    A chunk's gradients are computed beside its loss, while its logits are there: to `hidden`, and to the head's weight
    and bias only where they are trained. Products are taken in the dtype that autocast or else `hidden` has, the rest
    in float32. Nothing of size batch x length x vocabulary is ever held.
    """
    shifted = labels[:, 1:]
    rows, columns = (shifted != IGNORED).nonzero(as_tuple=True)
    targets = shifted[rows, columns]
    places = rows * labels.shape[1] + columns  # of the states that predict them, in the flattened batch
    weights = None if loss_scale is None else loss_scale[rows, columns + 1].float()
    if chunk_tokens is None:
        budget = CHUNK_LOGITS["cpu" if hidden.device.type == "cpu" else "cuda"]
        chunk_tokens = max(1, budget // head_weight.shape[0])
    options = _Options(
        chunk_tokens, logit_scale, logit_softcap, dft, want_accuracy, torch.is_grad_enabled(), _product_dtype(hidden)
    )
    total, correct, each = _ChunkedSum.apply(
        hidden.reshape(-1, hidden.shape[-1]), head_weight, head_bias, places, targets, weights, options
    )
    count = num_items_in_batch if num_items_in_batch is not None else targets.numel()
    spread = _spread(each, labels, rows, columns) if want_each else None
    return ChunkedLoss(total / count, correct if want_accuracy else None, spread)


def cross_entropy_of_logits(
    logits: torch.Tensor,
    labels: torch.Tensor,
    *,
    loss_scale: torch.Tensor | None = None,
    num_items_in_batch: torch.Tensor | float | None = None,
    dft: bool = False,
    want_accuracy: bool = False,
    want_each: bool = False,
) -> ChunkedLoss:
    """The same as `chunked_cross_entropy`, from logits (batch, length, vocabulary) that a model has made already."""
    shifted = labels[:, 1:]
    rows, columns = (shifted != IGNORED).nonzero(as_tuple=True)
    targets = shifted[rows, columns]
    chosen = logits[rows, columns].float()
    losses = cross_entropy(chosen, targets, reduction="none")
    weighted = losses if loss_scale is None else losses * loss_scale[rows, columns + 1]
    if dft:
        weighted = weighted * (-losses.detach()).exp()
    count = num_items_in_batch if num_items_in_batch is not None else targets.numel()
    correct = (chosen.detach().argmax(-1) == targets).sum() if want_accuracy else None
    each = _spread(losses.detach(), labels, rows, columns) if want_each else None
    return ChunkedLoss(weighted.sum() / count, correct, each)


def _spread(values: torch.Tensor, labels: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    whole = values.new_zeros(labels.shape)
    whole[rows, columns + 1] = values
    return whole


class _Options(NamedTuple):
    chunk_tokens: int
    scale: float
    softcap: float | None
    dft: bool
    want_accuracy: bool
    grad_enabled: bool  # inside an autograd.Function it is always off
    dtype: torch.dtype


def _product_dtype(hidden: torch.Tensor) -> torch.dtype:
    kind = hidden.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype


class _ChunkedSum(torch.autograd.Function):
    """Sum over trained tokens of weight * -log p, not yet divided: half precision would lose what division makes small.

    Inputs: flat (tokens, width), weight, bias, places and targets (trained,), weights (trained,) or None, options.
    Outputs: the sum, the number of right tokens, -log p of each (trained,); a gradient flows through the first only.
    """

    @staticmethod
    def forward(ctx: Any, flat: Any, weight: Any, bias: Any, places: Any, targets: Any, weights: Any, o: Any) -> Any:
        needs = [o.grad_enabled and needed for needed in ctx.needs_input_grad[:3]]
        each = torch.empty(targets.shape, dtype=torch.float32, device=flat.device)
        correct = torch.zeros((), dtype=torch.int64, device=flat.device)
        total = torch.zeros((), dtype=torch.float32, device=flat.device)
        to_hidden = flat.new_empty(targets.numel(), flat.shape[1]) if needs[0] else None
        to_weight = torch.zeros_like(weight, dtype=torch.float32) if needs[1] else None
        to_bias = torch.zeros_like(bias, dtype=torch.float32) if needs[2] else None
        chunk = _even(targets.numel(), o.chunk_tokens)
        with torch.no_grad(), torch.autocast(flat.device.type, enabled=False):
            head = weight.to(o.dtype)
            buffer = torch.empty(chunk, head.shape[0], dtype=o.dtype, device=flat.device)
            for start in range(0, targets.numel(), chunk):
                part = slice(start, start + chunk)
                states, wanted = flat[places[part]].to(o.dtype), targets[part]
                logits = torch.mm(states, head.T, out=buffer[: wanted.numel()])
                if bias is not None:
                    logits += bias
                probabilities, losses, right, bend = _distribution(logits, wanted, o)
                each[part] = losses
                correct += right.sum()
                factors = None if weights is None else weights[part]
                if o.dft:
                    factors = (-losses).exp() if factors is None else factors * (-losses).exp()
                total += losses.sum() if factors is None else losses @ factors
                if not any(needs):
                    continue
                slopes = _slopes(probabilities, wanted, factors, bend, o)
                if to_hidden is not None:
                    to_hidden[part] = torch.mm(slopes, head)
                if to_weight is not None and o.dtype == torch.float32:
                    to_weight.addmm_(slopes.T, states)
                elif to_weight is not None:
                    to_weight += torch.mm(slopes.T, states)
                if to_bias is not None:
                    to_bias += slopes.sum(0, dtype=torch.float32)
        ctx.save_for_backward(places, to_hidden, to_weight, to_bias)
        ctx.shape, ctx.dtypes = flat.shape, (weight.dtype, None if bias is None else bias.dtype)
        ctx.mark_non_differentiable(correct, each)
        return total, correct, each

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> Any:
        places, to_hidden, to_weight, to_bias = ctx.saved_tensors
        factor = gradients[0]
        flat = None
        if to_hidden is not None:
            flat = to_hidden.new_zeros(ctx.shape)
            flat[places] = (to_hidden * factor).to(flat.dtype)
        weight = None if to_weight is None else (to_weight * factor).to(ctx.dtypes[0])
        bias = None if to_bias is None else (to_bias * factor).to(ctx.dtypes[1])
        return flat, weight, bias, None, None, None, None


def _even(total: int, most: int) -> int:
    """The size of equal chunks of at most `most`."""
    return max(1, math.ceil(total / max(1, math.ceil(total / most))))


def _distribution(
    logits: torch.Tensor, wanted: torch.Tensor, o: _Options
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Probabilities (tokens, vocabulary), -log p of the wanted (tokens,), whether they are the likeliest, all float32.

    Last, what a soft cap does to the slope of each logit, or None. Overwrites `logits`.
    """
    best = logits.max(-1).indices if o.want_accuracy and logits.dtype != torch.float32 else None
    logits = logits.float()
    if o.scale != 1.0:
        logits *= o.scale
    bend = None
    if o.softcap is not None:
        logits.div_(o.softcap).tanh_()
        bend = 1 - logits.square()
        logits *= o.softcap
    highest = logits.amax(-1)
    own = logits.gather(-1, wanted[:, None]).squeeze(-1)
    # Half precision has ties, of which argmax takes the first; in float32 the maximum alone says who is first.
    right = own == highest if best is None else best == wanted
    # In place on a CPU, where the kernel reads and writes a row's elements at their own places only.
    in_place = logits if logits.device.type == "cpu" else None
    probabilities = torch.softmax(logits, -1, out=in_place)
    # log sum exp(logits) = highest - log(highest probability): that one is never below 1 / vocabulary.
    return probabilities, highest - probabilities.amax(-1).log() - own, right, bend


def _slopes(
    probabilities: torch.Tensor,
    wanted: torch.Tensor,
    factors: torch.Tensor | None,
    bend: torch.Tensor | None,
    o: _Options,
) -> torch.Tensor:
    """d(factor * -log p) / d logit = factor * (p - [it is the wanted one]), in the products' dtype; overwrites p."""
    probabilities.scatter_add_(-1, wanted[:, None], probabilities.new_full((len(wanted), 1), -1.0))
    if factors is not None:
        probabilities *= factors[:, None]
    if bend is not None:
        probabilities *= bend
    if o.scale != 1.0:
        probabilities *= o.scale
    return probabilities.to(o.dtype)
