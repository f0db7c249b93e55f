"""What one training step takes, found by going through it with tensors that have shapes and no content.

Every operation of the real forward and backward pass is called on fake tensors (torch's FakeTensorMode), so that any
model and tuner is followed as it is: what autograd saves (fewer tensors than Korthikanti et al. 2022, arXiv:2205.05198,
eq. 1, since attention is fused and nothing but adapters has a dropout), what gradient checkpointing computes again
(Chen et al. 2016, arXiv:1604.06174), the chunks of the loss. Nothing is computed, and no weight is read. What an
operation uses while it runs, and what an allocator leaves unused between tensors, is not in it.
"""

import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only
from torch.utils.flop_counter import flop_registry

from swift_lib.loss.chunked import chunked_cross_entropy, cross_entropy_of_logits
from swift_lib.model.output_head import declared_head, head_replaced

_aten = torch.ops.aten
_DEVICE = "cpu"  # fake tensors of a GPU need a build of torch for it; a step makes the same tensors on either


@dataclass(frozen=True)
class BatchShape:
    """One batch: `rows` of `length` tokens with the padding, `trained` of them have a label.

    joined: the rows stand side by side in one sequence (packed, or without padding), told by their positions. masked:
    attention needs a mask, since rows are of unlike length or stand in one sequence.
    """

    rows: int
    length: int
    trained: int
    joined: bool = False
    masked: bool = False

    @property
    def tokens(self) -> int:
        """Positions, the padding included."""
        return self.rows * self.length


@dataclass(frozen=True)
class StepCost:
    """parameters and trained: numbers; flops: operations; all others bytes, of one forward and backward pass.

    optimizer: the state that lasts. saved: what the forward pass keeps for the backward pass, up to the output head.
    loss: what the loss needs beside it, the logits of a chunk of tokens above all. backward: the most that the backward
    pass holds beside weights and optimizer, the gradients as far as they are there included.
    """

    parameters: int
    trained: int
    weights: int
    gradients: int
    optimizer: int
    held: int  # gradients that are there from the beginning
    saved: int
    loss: int
    backward: int
    flops: int

    @property
    def peak(self) -> int:
        """The most that is held beside weights and optimizer."""
        return max(self.held + self.saved + self.loss, self.backward, self.gradients)

    @property
    def total(self) -> int:
        """All of it at its peak."""
        return self.weights + self.optimizer + self.peak


def trace_step(
    model: torch.nn.Module,
    batch: BatchShape,
    *,
    autocast: torch.dtype | None = None,
    accumulates: bool = False,
    optimizer: Callable[[list[torch.nn.Parameter]], torch.optim.Optimizer] | None = None,
    keep_logits: bool = False,
) -> StepCost:
    """Go through one step of a causal language model on the meta device, which has fake weights afterwards.

    autocast: the dtype of mixed precision. accumulates: gradients are there already, as from the second batch of a
    step on. optimizer: makes one of parameters. keep_logits: the loss takes whole logits.
    """
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    _give_fakes(model, mode)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    state, keep = 0, None
    with mode:
        if optimizer is not None:
            keep = optimizer(trained)
            state = _optimizer_bytes(keep, trained)
        inputs, labels = _fake_batch(batch)
        tracker = _Tracker(batch.trained, unmasked=not batch.masked)
        for tensor in (*model.parameters(), *model.buffers(), labels, *inputs.values()):
            tracker.know(tensor)
        for parameter in trained if accumulates else ():
            parameter.grad = torch.empty_like(parameter)
            tracker.add(parameter.grad)
        held = tracker.live
        amp = torch.autocast(_DEVICE, dtype=autocast) if autocast is not None else nullcontext()
        with tracker:
            with amp:
                loss = _loss(model, inputs, labels, keep_logits, tracker)
            whole = tracker.take_peak()
            loss.backward()
        model.zero_grad(set_to_none=True)
    return StepCost(
        parameters=_count(model.parameters()),
        trained=_count(trained),
        weights=_bytes(model.parameters()) + _bytes(model.buffers()),
        gradients=_bytes(trained),
        optimizer=state,
        held=held,
        saved=tracker.saved - held,
        loss=whole - tracker.saved,
        backward=tracker.peak,
        flops=tracker.flops,
    )


def _loss(
    model: torch.nn.Module,
    inputs: Mapping[str, torch.Tensor],
    labels: torch.Tensor,
    keep_logits: bool,
    tracker: "_Tracker",
) -> torch.Tensor:
    """As `trainers.fused` computes it, from the head that the model's config declares; of a model that writes no
    text, any number that depends on all of its output."""
    head = None if keep_logits else declared_head(model)
    if head is None:
        output = model(**inputs)[0]
        tracker.saved = tracker.live
        is_text = output.dim() == 3 and getattr(model, "get_output_embeddings", lambda: None)() is not None
        return cross_entropy_of_logits(output, labels, want_accuracy=True).loss if is_text else output.float().sum()
    linear, found = head.linear, list[torch.Tensor]()

    def forward(hidden: torch.Tensor) -> torch.Tensor:
        tracker.saved = tracker.live
        result = chunked_cross_entropy(
            hidden, linear.weight, linear.bias, labels, logit_scale=head.scale, logit_softcap=head.softcap,
            want_accuracy=True,
        )  # fmt: skip
        found.append(result.loss)
        return result.loss.reshape(1, 1, 1)

    with head_replaced(linear, forward):
        outputs = model(**inputs)
    return found.pop() + 0.0 * outputs.logits.sum()


def _fake_batch(batch: BatchShape) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    shape = (1, batch.tokens) if batch.joined else (batch.rows, batch.length)
    ids = torch.empty(shape, dtype=torch.int64, device=_DEVICE)
    other = "position_ids" if batch.joined else "attention_mask"
    return {"input_ids": ids, other: torch.empty_like(ids)}, torch.empty_like(ids)


def _give_fakes(model: torch.nn.Module, mode: FakeTensorMode) -> None:
    """Put fake tensors in the place of parameters and buffers; what was shared stays shared."""
    made: dict[int, tuple[Any, Any]] = {}  # the old ones are kept, so that no id is used twice
    with mode:
        for module in model.modules():
            for name, old in [*module._parameters.items(), *module._buffers.items()]:
                if old is None:
                    continue
                if id(old) not in made:
                    new = torch.empty(old.shape, dtype=old.dtype, device=_DEVICE)
                    if isinstance(old, torch.nn.Parameter):
                        new = torch.nn.Parameter(new, requires_grad=old.requires_grad)
                    made[id(old)] = old, new
                own = module._parameters if name in module._parameters else module._buffers
                own[name] = made[id(old)][1]


def _optimizer_bytes(optimizer: torch.optim.Optimizer, trained: list[torch.nn.Parameter]) -> int:
    for parameter in trained:
        parameter.grad = torch.empty_like(parameter)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    states = [value for state in optimizer.state.values() for value in state.values()]
    return _bytes(value for value in states if isinstance(value, torch.Tensor))


class _Tracker(TorchDispatchMode):
    """Sums the bytes of all storages that live, and the floating point operations.

    trained: what `nonzero` of the labels finds. unmasked: the answer wherever content decides, which is whether a mask
    says anything. saved: what lived when the output head was reached.
    """

    def __init__(self, trained: int, *, unmasked: bool) -> None:
        super().__init__()
        self.live = self.peak = self.saved = self.flops = 0
        self._sizes: dict[int, int] = {}
        self._trained, self._unmasked = trained, unmasked

    def know(self, tensor: torch.Tensor) -> None:
        """It was there before, and counts nothing."""
        self._sizes[tensor.untyped_storage()._cdata] = 0

    def add(self, tensor: torch.Tensor) -> None:
        """Count the storage of a tensor, once, until it is gone."""
        storage = tensor.untyped_storage()
        if storage._cdata in self._sizes:
            return
        self._sizes[storage._cdata] = storage.nbytes()
        self.live += storage.nbytes()
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._drop, storage._cdata)

    def take_peak(self) -> int:
        """The peak so far; a new one begins."""
        peak, self.peak = self.peak, self.live
        return peak

    def _drop(self, key: int) -> None:
        self.live -= self._sizes.pop(key)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is _aten._local_scalar_dense.default:
            return self._unmasked
        if func is _aten.nonzero.default:
            out = torch.empty(self._trained, args[0].dim(), dtype=torch.int64, device=_DEVICE)
        elif func is _aten.add.Tensor and _sums_gradients(args):
            # Autograd adds in place, but under a dispatch mode it does not.
            out = _aten.add_.Tensor(*args, **kwargs)
        else:
            out = func(*args, **kwargs)
        tree_map_only(torch.Tensor, self.add, out)
        self.flops += _operations(func, args, kwargs, out)
        return out


def _sums_gradients(args: Any) -> bool:
    first, second = args[:2]
    same = isinstance(second, torch.Tensor) and first.shape == second.shape and first.dtype == second.dtype
    return same and not torch.is_grad_enabled()  # as in a backward pass, but where activations are computed again


def _operations(func: Any, args: Any, kwargs: Any, out: Any) -> int:
    packet = func._overloadpacket
    if packet is _aten._scaled_dot_product_flash_attention_for_cpu:
        return _attention(args[0], args[1]) * 2
    if packet is _aten._scaled_dot_product_flash_attention_for_cpu_backward:
        return _attention(args[1], args[2]) * 5  # as torch's flop counter has it for the others
    if packet is _aten._grouped_mm:  # (tokens, width) with one of (experts, width, out)
        return int(2 * args[0].numel() * args[1].shape[-1])
    count = flop_registry.get(_aten.addmm if packet is _aten.addmm_ else packet)
    return int(count(*args, **kwargs, out_val=out)) if count else 0


def _attention(query: torch.Tensor, key: torch.Tensor) -> int:
    """Operations of one product of queries (batch, heads, length, width) with all keys."""
    batch, heads, length, width = query.shape
    return int(2 * batch * heads * length * key.shape[-2] * width)


def _bytes(tensors: Any) -> int:
    return sum({tensor.untyped_storage()._cdata: tensor.untyped_storage().nbytes() for tensor in tensors}.values())


def _count(parameters: Any) -> int:
    return sum(parameter.numel() for parameter in parameters)


@contextmanager
def on_meta() -> Iterator[None]:
    """What is built in it has no content and takes no memory."""
    with torch.device("meta"):
        yield
