from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers

from swift_lib.core.errors import ArgumentError, ContractError, UnknownName
from swift_lib.optimizers import OptimizerCallback, optimizers_map
from swift_lib.optimizers.base import make_optimizer


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(optimizers_map, "_entries", dict(optimizers_map._entries))


def sgd(own: Any, **more: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(own.model.parameters(), lr=0.5, **more)


def test_by_default_it_is_transformers_own(trainer: Any, options: Any) -> None:
    ours, theirs = trainer(adam_beta2=0.95), trainer(adam_beta2=0.95)
    made = make_optimizer(None, options(), ours).create_optimizer()
    expected = transformers.Trainer.create_optimizer(theirs)
    assert type(made) is type(expected)
    for group, other in zip(made.param_groups, expected.param_groups, strict=True):
        assert [p.shape for p in group["params"]] == [p.shape for p in other["params"]]
        rest = [{key: value for key, value in one.items() if key != "params"} for one in (group, other)]
        assert rest[0] == rest[1]


def test_a_class_without_a_model_parameter_is_called_without_one(trainer: Any, options: Any) -> None:
    class Plain(OptimizerCallback):
        def create_optimizer(self):
            return sgd(self.trainer)

    optimizers_map["plain"] = Plain
    own = trainer()
    callback = make_optimizer("plain", options(), own)
    optimizer = callback.create_optimizer(own.model)
    assert isinstance(optimizer, torch.optim.SGD)
    assert callback.create_scheduler(10, optimizer).optimizer is optimizer


def test_a_class_with_one_gets_it_and_may_leave_the_optimizer_with_the_trainer(trainer: Any, options: Any) -> None:
    seen = []

    class Leaves(OptimizerCallback):
        def create_optimizer(self, model=None):
            seen.append((model, self.args.galore_rank))
            self.trainer.optimizer = sgd(self.trainer)

    optimizers_map["leaves"] = Leaves
    own = trainer()
    assert make_optimizer("leaves", options(), own).create_optimizer(own.model) is own.optimizer
    assert seen == [(own.model, 8)]


def test_a_class_may_make_both_at_once(trainer: Any, options: Any) -> None:
    class Both(OptimizerCallback):
        def create_optimizer_and_scheduler(self, num_training_steps):
            super().create_optimizer_and_scheduler(num_training_steps)
            self.trainer.lr_scheduler = torch.optim.lr_scheduler.StepLR(self.trainer.optimizer, num_training_steps)

    optimizers_map["both"] = Both
    own = trainer()
    own.state.max_steps = 7
    optimizer = make_optimizer("both", options(), own).create_optimizer()
    assert optimizer is own.optimizer and own.lr_scheduler.step_size == 7


def test_a_function_gets_arguments_model_and_rows_once(trainer: Any, options: Any) -> None:
    calls = []

    def custom(args, model, dataset):
        calls.append((args, model, len(dataset)))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        return optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer)

    optimizers_map["custom"] = custom
    own, given = trainer(train_dataset=[1, 2, 3]), options()
    callback = make_optimizer("custom", given, own)
    optimizer = callback.create_optimizer()
    assert isinstance(callback.create_scheduler(10, optimizer), torch.optim.lr_scheduler.ConstantLR)
    assert calls == [(given, own.model, 3)]


def test_a_function_without_a_scheduler_gets_the_usual_one_and_a_stream_is_no_dataset(
    trainer: Any, options: Any
) -> None:
    def custom(args, model, dataset):
        assert dataset is None
        return torch.optim.SGD(model.parameters(), lr=0.5), None

    optimizers_map["custom"] = custom
    own = trainer(train_dataset=iter([]), max_steps=1)
    callback = make_optimizer("custom", options(), own)
    optimizer = callback.create_optimizer()
    assert isinstance(callback.create_scheduler(10, optimizer), torch.optim.lr_scheduler.LambdaLR)


class _NoOptimizer(OptimizerCallback):
    def create_optimizer(self, model=None):
        return 1


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (torch.optim.SGD, "is the class SGD, which is no OptimizerCallback"),
        (1, "optimizer 'mine' is 1"),
        (lambda args: None, "cannot be called with args, model and dataset"),
        (lambda args, model, dataset: None, "returned NoneType"),
        (lambda args, model, dataset: (None, None), "made NoneType, not a torch.optim.Optimizer"),
        (_NoOptimizer, "_NoOptimizer made int, not a torch.optim.Optimizer"),
    ],
)
def test_what_is_no_optimizer_is_refused(entry: Any, message: str, trainer: Any, options: Any) -> None:
    optimizers_map["mine"] = entry
    with pytest.raises(ContractError, match=message):
        make_optimizer("mine", options(), trainer()).create_optimizer()


def test_an_unknown_name_is_refused(trainer: Any, options: Any) -> None:
    with pytest.raises(UnknownName, match="Did you mean 'muon'"):
        make_optimizer("moun", options(), trainer())


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "OptimizerCallback"),
        ({"lorap_lr_ratio": 16.0}, "LorapOptimizerCallback"),
        ({"use_galore": True}, "GaloreOptimizerCallback"),
        ({"vit_lr": 1e-5}, "MultimodalOptimizerCallback"),
        ({"aligner_lr": 1e-5}, "MultimodalOptimizerCallback"),
    ],
)
def test_other_arguments_select_the_optimizer(given: dict[str, Any], name: str, trainer: Any, options: Any) -> None:
    assert type(make_optimizer(None, options(**given), trainer())).__name__ == name


def test_arguments_of_two_optimizers_are_refused(trainer: Any, options: Any) -> None:
    with pytest.raises(ArgumentError, match=r"--use_galore: selects the optimizer galore, and --vit_lr selects multi"):
        make_optimizer(None, options(use_galore=True, vit_lr=1e-5), trainer())
    with pytest.raises(ArgumentError, match="--vit_lr: is for --optimizer multimodal, not muon"):
        make_optimizer("muon", options(vit_lr=1e-5), trainer())


def test_a_plugins_class_may_read_any_argument(trainer: Any, options: Any) -> None:
    class Mine(OptimizerCallback):
        pass

    optimizers_map["mine"] = Mine
    assert make_optimizer("mine", options(vit_lr=1e-5), trainer()).create_optimizer() is not None


_NEEDED = {
    "cosine_with_min_lr": {"min_lr": 1e-4},
    "cosine_warmup_with_min_lr": {"min_lr": 1e-4},
    "warmup_stable_decay": {"num_decay_steps": 2},
}


@pytest.mark.parametrize("name", [str(kind.value) for kind in transformers.SchedulerType])
def test_every_scheduler_of_transformers_works(
    name: str, trainer: Any, options: Any, backward: Callable[[Any, int], float]
) -> None:
    own = trainer(lr_scheduler_type=name, lr_scheduler_kwargs=_NEEDED.get(name), warmup_steps=2, eval_strategy="epoch")
    callback = make_optimizer("muon", options(), own)
    optimizer = callback.create_optimizer()
    scheduler = callback.create_scheduler(10, optimizer)
    backward(own.model, 0)
    optimizer.step()
    scheduler.step(*([1.0] if "plateau" in name or name == "greedy" else []))
    assert all(0 < group["lr"] <= 1e-2 for group in optimizer.param_groups)


def test_options_that_a_scheduler_lacks_are_refused(trainer: Any, options: Any) -> None:
    own = trainer(lr_scheduler_type="cosine_with_min_lr")
    callback = make_optimizer(None, options(), own)
    with pytest.raises(ArgumentError, match=r"--lr_scheduler_type: cosine_with_min_lr with .*_kwargs \{\}: "):
        callback.create_scheduler(10, callback.create_optimizer())


def test_a_scheduler_for_a_copy_of_the_trainer_leaves_the_trainer_alone(trainer: Any, options: Any) -> None:
    """DeepSpeed has one made when the trainer already holds a stand-in."""
    own = trainer()
    callback = make_optimizer(None, options(), own)
    optimizer = callback.create_optimizer()
    own.lr_scheduler = stand_in = object()
    assert isinstance(callback.create_scheduler(10, optimizer), torch.optim.lr_scheduler.LambdaLR)
    assert own.lr_scheduler is stand_in
