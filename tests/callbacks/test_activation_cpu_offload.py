from typing import Any

import pytest
import torch

from swift_lib.callbacks.activation_cpu_offload import ActivationCpuOffloadCallback


def offload(model: Any, *, checkpointing: bool = False) -> tuple[ActivationCpuOffloadCallback, float]:
    """A forward and a backward pass with activations on the CPU: the callback and the loss."""
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    callback = ActivationCpuOffloadCallback()
    callback.on_train_begin(None, None, None, model=model)  # type: ignore[arg-type]
    return callback, backward(model)


def backward(model: Any) -> float:
    ids = torch.randint(3, 300, (4, 32), generator=torch.Generator().manual_seed(0))
    loss = model.train()(input_ids=ids, labels=ids).loss
    loss.backward()
    return float(loss.detach())


@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_gradients_are_the_same_bit_for_bit(load: Any, checkpointing: bool) -> None:
    plain, model = load(), load()
    loss = backward(plain)
    callback, moved = offload(model, checkpointing=checkpointing)
    assert moved == loss and callback.moved_bytes > 0
    for one, other in zip(plain.parameters(), model.parameters(), strict=True):
        assert torch.equal(one.grad, other.grad)


def test_with_checkpointing_less_is_moved(load: Any) -> None:
    assert offload(load(), checkpointing=True)[0].moved_bytes < offload(load())[0].moved_bytes


def test_parameters_stay_where_they_are(load: Any) -> None:
    """In a linear layer without anything else only its input is moved."""
    layer = torch.nn.Linear(64, 64, bias=False)
    callback = ActivationCpuOffloadCallback()
    callback.on_train_begin(None, None, None, model=layer)  # type: ignore[arg-type]
    layer(torch.randn(32, 64, requires_grad=True)).sum().backward()
    assert callback.moved_bytes == 32 * 64 * 4


def test_small_tensors_and_evaluations_are_left_alone(load: Any) -> None:
    layer = torch.nn.Linear(4, 4)
    callback = ActivationCpuOffloadCallback()
    callback.on_train_begin(None, None, None, model=layer)  # type: ignore[arg-type]
    layer(torch.randn(8, 4)).sum().backward()
    assert callback.moved_bytes == 0
    model = load().eval()
    callback.on_train_begin(None, None, None, model=model)  # type: ignore[arg-type]
    model(torch.arange(3, 40)[None])
    assert callback.moved_bytes == 0


def test_a_failing_forward_leaves_nothing_behind() -> None:
    layer = torch.nn.Linear(64, 64)
    callback = ActivationCpuOffloadCallback()
    callback.on_train_begin(None, None, None, model=layer)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        layer(torch.randn(64, 3, requires_grad=True))
    torch.randn(64, 64, requires_grad=True).exp().sum().backward()
    assert callback.moved_bytes == 0


def test_it_runs_for_a_training_and_goes_with_it(trainer: Any) -> None:
    own = trainer(flat={"fsdp_config": {"activation_cpu_offload": True}}, max_steps=2)
    own.train()
    callback = own.callback_handler.callbacks[-1]
    assert isinstance(callback, ActivationCpuOffloadCallback) and callback.moved_bytes > 0
    assert not own.model._forward_pre_hooks and not own.model._forward_hooks
