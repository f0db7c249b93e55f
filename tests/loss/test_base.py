"""The registry of losses, the two forms they are written in, and where they may be named."""

import logging
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from swift_lib.core.errors import ArgumentError, ContractError, TrainingError, UnknownName
from swift_lib.core.registry import Registry
from swift_lib.loss import BaseLoss, get_loss_func, loss_map, per_token_loss_func, register_loss_func
from swift_lib.loss.base import loss_problems, make_loss, tell_unused_losses
from swift_lib.loss.causal_lm import weighted_cross_entropy
from swift_lib.loss.mapping import PLUGIN_TASKS, TASKS
from swift_lib.loss.matryoshka import matryoshka_dims


def batch() -> tuple[Any, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    labels = torch.randint(0, 9, (2, 6))
    labels[:, 0] = -100
    labels[1, 4:] = -100
    return SimpleNamespace(logits=torch.randn(2, 6, 9)), labels, torch.rand(2, 6)


def test_every_built_in_loss_has_its_tasks() -> None:
    assert set(TASKS) == {name for name in loss_map if loss_map.is_builtin(name)}


def test_a_function_is_registered_by_call_and_as_decorator(registered: Registry[Any]) -> None:
    def first(outputs: Any, labels: Any) -> Any:
        return outputs.logits.sum()

    @register_loss_func("second")
    def second(outputs: Any, labels: Any) -> Any:
        return outputs.logits.mean()

    assert register_loss_func("first", first) is first
    assert (get_loss_func("first"), get_loss_func("second")) == (first, second)
    assert registered.origin("second").rpartition(":")[0] == __file__
    assert not registered.is_builtin("second") and registered.is_builtin("infonce")


def test_an_unknown_loss_lists_the_nearest() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'infonce'"):
        get_loss_func("infonse")


# -- the two forms -----------------------------------------------------------------------------------------------------


def test_a_class_is_constructed_and_its_weights_fit_the_token_losses(registered: Registry[Any]) -> None:
    class Weighted(BaseLoss):
        def __call__(self, outputs: Any, labels: torch.Tensor, **kwargs: Any) -> torch.Tensor:
            each = per_token_loss_func(outputs, labels)
            assert each.shape == kwargs["loss_scale"].shape
            return (each * kwargs["loss_scale"]).sum() / kwargs["num_items_in_batch"]

    registered["weighted"] = Weighted
    outputs, labels, scale = batch()
    found = make_loss("weighted", None, None)(outputs, labels, num_items_in_batch=5, loss_scale=scale)
    expected = weighted_cross_entropy(outputs.logits, labels, loss_scale=scale, num_items_in_batch=5)
    torch.testing.assert_close(found, expected)


def test_a_class_sees_the_arguments_and_the_trainer(registered: Registry[Any]) -> None:
    class Scaled(BaseLoss):
        def __call__(self, outputs: Any, labels: torch.Tensor, **kwargs: Any) -> torch.Tensor:
            return torch.tensor(self.args.factor * self.trainer.steps)

    registered["scaled"] = Scaled
    outputs, labels, _ = batch()
    loss = make_loss("scaled", SimpleNamespace(factor=2.0), SimpleNamespace(steps=3))
    assert loss(outputs, labels).item() == 6.0


def test_a_function_gets_weights_in_the_shape_of_the_labels(registered: Registry[Any]) -> None:
    seen = {}

    @register_loss_func("plain")
    def plain(outputs: Any, labels: Any, loss_scale: Any = None, num_items_in_batch: Any = None) -> Any:
        seen.update(loss_scale=loss_scale, count=num_items_in_batch)
        return outputs.logits.sum()

    outputs, labels, scale = batch()
    make_loss("plain", None, None)(outputs, labels, num_items_in_batch=4, loss_scale=scale)
    assert seen["loss_scale"] is scale and seen["count"] == 4


@pytest.mark.parametrize("takes", ["", "loss_scale", "num_items_in_batch", "**kwargs"])
def test_keywords_are_passed_where_the_signature_has_them(takes: str, registered: Registry[Any]) -> None:
    space: dict[str, Any] = {"seen": {}}
    names = {"": "{}", "**kwargs": "kwargs"}.get(takes, f"dict({takes}={takes})")
    header = f"outputs, labels, {takes}" if takes else "outputs, labels"
    exec(f"def narrow({header}):\n    seen.update({names})\n    return outputs.logits.sum()", space)
    registered["narrow"] = space["narrow"]
    outputs, labels, scale = batch()
    make_loss("narrow", None, None)(outputs, labels, num_items_in_batch=4, loss_scale=scale)
    both = {"loss_scale", "num_items_in_batch"}
    assert set(space["seen"]) == (both if takes == "**kwargs" else both & {takes})


def test_a_partial_function_is_one(registered: Registry[Any]) -> None:
    def scaled(factor: float, outputs: Any, labels: Any) -> Any:
        return factor * outputs.logits.sum()

    registered["half"] = partial(scaled, 0.5)
    outputs, labels, _ = batch()
    torch.testing.assert_close(make_loss("half", None, None)(outputs, labels), outputs.logits.sum() / 2)


@pytest.mark.parametrize(
    ("value", "told"),
    [(None, "None"), (1.0, "an object of type float"), (torch.zeros(3), r"a tensor of shape \(3,\)")],
)
def test_anything_but_a_scalar_tensor_names_the_class(value: Any, told: str, registered: Registry[Any]) -> None:
    class CustomLoss(BaseLoss):
        def __call__(self, outputs: Any, labels: torch.Tensor, **kwargs: Any) -> Any:
            return value

    registered["custom_loss"] = CustomLoss
    outputs, labels, _ = batch()
    with pytest.raises(ContractError, match=rf"'custom_loss'.*CustomLoss returned {told}\. Do: return a scalar tensor"):
        make_loss("custom_loss", None, None)(outputs, labels)


# -- what may be registered --------------------------------------------------------------------------------------------


class NoBase:
    def __call__(self, outputs: Any, labels: Any) -> Any: ...


class NoCall(BaseLoss):
    pass


class Complete(BaseLoss):
    def __call__(self, outputs: Any, labels: Any, **kwargs: Any) -> Any: ...


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (NoBase, "the class NoBase, which is no BaseLoss. Do: derive it from swift_lib.loss.BaseLoss"),
        (NoCall, "NoCall defines no __call__"),
        (Complete(None, None), "is an object of type Complete. Do: register the class itself"),
        (7, "is an object of type int. Do: register the class itself, derived from swift_lib.loss.BaseLoss"),
        (lambda outputs: outputs, "cannot be called with outputs and labels"),
        (lambda outputs, labels, weights: outputs, "missing a required argument: 'weights'"),
    ],
)
def test_a_wrong_thing_is_refused_when_it_is_taken(entry: Any, told: str, registered: Registry[Any]) -> None:
    registered["wrong"] = entry
    with pytest.raises(ContractError) as caught:
        get_loss_func("wrong")
    assert told in str(caught.value) and "\n" not in str(caught.value)


# -- where it may be named ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("task", ["dpo", "ppo", "kto", "seq_cls", "decision"])
def test_a_plugins_loss_is_for_tokens_embeddings_and_rerankers(task: str, registered: Registry[Any]) -> None:
    register_loss_func("mine", lambda outputs, labels: outputs.logits.sum())
    (problem,) = loss_problems("mine", task)
    assert problem.startswith("--loss_type: 'mine' is a plugin's (") and f"not for {task}" in problem
    assert [list(loss_problems("mine", fitting)) for fitting in PLUGIN_TASKS] == [[]] * len(PLUGIN_TASKS)


def test_a_built_in_loss_is_for_its_own_task() -> None:
    assert list(loss_problems("infonce", "embedding")) == []
    assert list(loss_problems("infonce", "causal_lm")) == [
        "--loss_type: 'infonce' is for embedding, not for causal_lm; give cross_entropy"
    ]
    assert list(loss_problems("cross_entropy", "seq_cls")) == [
        "--loss_type: 'cross_entropy' is for causal_lm and prm, not for seq_cls; leave it out"
    ]


def test_embeddings_and_rerankers_have_no_loss_by_default() -> None:
    assert list(loss_problems(None, "causal_lm")) == list(loss_problems(None, "seq_cls")) == []
    (problem,) = loss_problems(None, "reranker")
    assert problem.startswith(
        "--loss_type: reranker has no loss by default; give pointwise_reranker, listwise_reranker"
    )


def test_a_loss_that_nobody_names_is_told_once(registered: Registry[Any], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        tell_unused_losses(None)
        assert caplog.messages == []
        register_loss_func("mine", lambda outputs, labels: outputs.logits.sum())
        tell_unused_losses("mine")
        assert caplog.messages == []
        tell_unused_losses(None)
    assert len(caplog.messages) == 1
    assert "is not used: give --loss_type mine" in caplog.messages[0] and __file__ in caplog.messages[0]


# -- matryoshka --------------------------------------------------------------------------------------------------------


def test_leading_dimensions_are_losses_of_their_own() -> None:
    torch.manual_seed(0)
    texts, labels = torch.randn(8, 16), torch.tensor([1.0, 0.0, 1.0, 0.0])
    found = make_loss("cosine_similarity", SimpleNamespace(mrl_dims={"4": 0.5, "16": 2.0}), None)
    plain = make_loss("cosine_similarity", None, None)
    expected = sum(
        weight * plain({"last_hidden_state": torch.nn.functional.normalize(texts[:, :width])}, labels)
        for width, weight in ((4, 0.5), (16, 2.0))
    )
    torch.testing.assert_close(found({"last_hidden_state": texts}, labels), expected)


def test_a_plugins_loss_gets_leading_dimensions_too(registered: Registry[Any]) -> None:
    widths = []

    @register_loss_func("width")
    def width(outputs: Any, labels: Any) -> Any:
        widths.append(outputs.last_hidden_state.shape[-1])
        return outputs["last_hidden_state"].sum()

    make_loss("width", SimpleNamespace(mrl_dims='{"2": 1, "3": 1}'), None)(
        {"last_hidden_state": torch.ones(2, 4)}, torch.ones(1)
    )
    assert widths == [2, 3]


def test_more_dimensions_than_there_are_is_refused() -> None:
    loss = make_loss("cosine_similarity", SimpleNamespace(mrl_dims={"32": 1.0}), None)
    with pytest.raises(TrainingError, match=r"have 16 dimensions, not 32.*--mrl_dims"):
        loss({"last_hidden_state": torch.randn(2, 16)}, torch.ones(1))


@pytest.mark.parametrize("value", ["[64]", "64", {"a": 1.0}, {"64": "much"}, {"0": 1.0}, {"8": -1.0}])
def test_dimensions_are_numbers(value: Any) -> None:
    with pytest.raises(ArgumentError, match="--mrl_dims"):
        matryoshka_dims(value)
