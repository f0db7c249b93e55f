"""The forms in which plugins write tuners, and what each call passes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from swift_lib.core.errors import ModelError
from swift_lib.core.view import FlatView
from swift_lib.tuner_plugin import Tuner, tuners_map
from swift_lib.tuner_plugin.calling import get_tuner, load_weights, prepare, require_savable, save_with, tuner_of


class Static(Tuner):
    @staticmethod
    def prepare_model(args: Any, model: Any) -> Any:
        return ("static", args.lora_rank, model)


class ByClass(Tuner):
    @classmethod
    def prepare_model(cls, args: Any, model: Any) -> Any:
        return (cls.__name__, args.lora_rank, model)


class Methods(Tuner):
    def prepare_model(self, args: Any, model: Any) -> Any:  # type: ignore[override]
        return (type(self).__name__, args.lora_rank, model)


class Undecorated(Tuner):
    def prepare_model(args: Any, model: Any) -> Any:  # type: ignore[override,misc]
        return ("undecorated", args.lora_rank, model)


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten after it."""
    monkeypatch.setattr(tuners_map, "_entries", dict(tuners_map._entries))


@pytest.mark.parametrize(
    ("entry", "name"),
    [(Static, "static"), (ByClass, "ByClass"), (Methods, "Methods"), (Methods(), "Methods"),
     (Undecorated, "undecorated")],
    ids=["static", "class methods", "methods", "an instance", "undecorated"],
)  # fmt: skip
def test_every_documented_form_is_called(entry: Any, name: str) -> None:
    tuners_map["mine"] = entry
    assert get_tuner("mine").prepare_model(FlatView({"lora_rank": 3}), "model") == (name, 3, "model")


class Named(Tuner):
    seen: dict[str, Any]

    @classmethod
    def save_pretrained(cls, model: Any, save_directory: str, state_dict: Any = None, **kwargs: Any) -> None:  # type: ignore[override]
        cls.seen = {"state_dict": state_dict, **kwargs}


class Open(Tuner):
    seen: dict[str, Any]

    @classmethod
    def save_pretrained(cls, model: Any, save_directory: str, safe_serialization: bool = True, **kwargs: Any) -> None:  # type: ignore[override]
        cls.seen = kwargs


class Closed(Tuner):
    seen: dict[str, Any]

    @classmethod
    def save_pretrained(cls, model: Any, save_directory: str) -> None:  # type: ignore[override]
        cls.seen = {}


@pytest.mark.parametrize("sharded", [True, False])
@pytest.mark.parametrize("tuner", [Named, Open, Closed])
def test_the_state_is_passed_where_it_is_taken(tuner: Any, sharded: bool) -> None:
    state = {"weight": torch.zeros(1)}
    save_with(tuner, "model", "folder", state, sharded)
    takes = tuner is Named or (tuner is Open and sharded)
    assert tuner.seen == ({"state_dict": state} if takes else {})


def test_who_cannot_take_spread_weights_is_refused_before_training() -> None:
    for tuner in (Named, Open):
        require_savable(tuner, sharded=True)
    require_savable(Closed, sharded=False)
    with pytest.raises(ModelError, match=r"Closed\.save_pretrained takes no state_dict"):
        require_savable(Closed, sharded=True)


class Bias(Tuner):
    """Trains one vector added to the output head, and keeps it in a file of its own."""

    @staticmethod
    def prepare_model(args: Any, model: Any) -> Any:
        model.requires_grad_(False)
        model.lm_head.bias = torch.nn.Parameter(torch.zeros(model.config.vocab_size))
        return model

    @staticmethod
    def save_pretrained(model: Any, save_directory: str) -> None:  # type: ignore[override]
        torch.save(model.lm_head.bias.detach(), Path(save_directory) / "bias.pt")

    @staticmethod
    def from_pretrained(model: Any, model_id: str) -> Any:  # type: ignore[override]
        model = Bias.prepare_model(None, model)
        model.lm_head.bias.data = torch.load(Path(model_id) / "bias.pt")
        return model


def test_a_form_of_its_own_is_trained_resumed_and_read_back(
    learn: Callable[..., Any], tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint is read by from_pretrained onto a base loaded anew, and what it holds goes into the model."""
    tuners_map["bias"] = Bias
    whole = learn("whole", tuner_type="bias", learning_rate=0.1, max_steps=4, save_steps=2)
    assert whole.changed == {"lm_head.bias"}
    checkpoint = Path(whole.result.output_dir) / "checkpoint-2"
    resumed = learn(
        "resumed",
        tuner_type="bias",
        learning_rate=0.1,
        max_steps=4,
        save_steps=2,
        resume_from_checkpoint=str(checkpoint),
    )
    assert torch.equal(whole.model.lm_head.bias, resumed.model.lm_head.bias)
    assert get_tuner("bias") is tuner_of(whole.result.final)


def test_a_checkpoint_of_another_model_is_told(tmp_path: Path) -> None:
    class Odd(Static):
        @staticmethod
        def from_pretrained(model: Any, model_id: str, **kwargs: Any) -> Any:
            return torch.nn.Linear(3, 2)

    with pytest.raises(ModelError, match=r"made another model of the checkpoint .*size mismatch"):
        load_weights(Odd, torch.nn.Linear(2, 2), str(tmp_path), load_base=lambda: None)


def test_a_tuner_that_leaves_nothing_to_train_is_told() -> None:
    class Idle(Tuner):
        @staticmethod
        def prepare_model(args: Any, model: Any) -> Any:
            return model.requires_grad_(False)

    with pytest.raises(ModelError, match="The tuner left nothing to train"):
        prepare(Idle, FlatView({"tuner_type": "idle"}), torch.nn.Linear(1, 1))
