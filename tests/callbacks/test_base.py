from types import SimpleNamespace
from typing import Any

import pytest
import transformers

from swift_lib.callbacks import TrainerCallback, callbacks_map, extra_callbacks
from swift_lib.callbacks.base import make_callbacks
from swift_lib.core.errors import ContractError, UnknownName
from swift_lib.core.plugins import harvest
from swift_lib.core.view import FlatView

TRAINER = SimpleNamespace(model=None)
ARGS = FlatView({"early_stop_interval": None, "lisa_activated_layers": 0, "tuner_type": "lora"})


class Ours(TrainerCallback):
    pass


class Theirs(transformers.TrainerCallback):
    pass


class Named(transformers.TrainerCallback):
    def __init__(self, trainer, patience=3):
        self.given = (trainer, patience)


class Positional(TrainerCallback):
    def __init__(self, arguments, who):
        super().__init__(arguments, who)


class HandedOn(TrainerCallback):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


class Forgetful(TrainerCallback):
    def __init__(self):
        self.other = 1


def make(*names: str) -> list[Any]:
    return make_callbacks(names, ARGS, TRAINER)


@pytest.mark.parametrize("cls", [Ours, Positional, HandedOn, Forgetful])
@pytest.mark.parametrize("place", ["named", "extra", "extra instance"])
def test_our_base_knows_arguments_and_trainer_in_either_place(cls: Any, place: str) -> None:
    if place == "named":
        callbacks_map["mine"] = cls
    elif place == "extra":
        extra_callbacks.append(cls)
    else:
        extra_callbacks.append(cls(None, None) if cls is Positional else cls())
    (made,) = make(*(["mine"] if place == "named" else []))
    assert (made.args, made.trainer) == (ARGS, TRAINER)
    assert isinstance(made, transformers.TrainerCallback)


def test_transformers_base_is_constructed_as_its_signature_says() -> None:
    callbacks_map["theirs"] = Theirs
    callbacks_map["patient"] = transformers.EarlyStoppingCallback
    callbacks_map["named"] = Named
    extra_callbacks.append(Theirs())
    made = make("theirs", "patient", "named")
    assert [type(one) for one in made] == [Theirs, transformers.EarlyStoppingCallback, Named, Theirs]
    assert made[1].early_stopping_patience == 1
    assert made[2].given == (TRAINER, 3)


def test_a_constructor_that_wants_something_else_is_refused() -> None:
    class Odd(transformers.TrainerCallback):
        def __init__(self, path):
            pass

    callbacks_map["odd"] = Odd
    with pytest.raises(ContractError, match=r"Odd cannot be constructed: it requires path.*\(args, trainer\)"):
        make("odd")


@pytest.mark.parametrize("thing", [1, dict, lambda args, trainer: None])
def test_what_is_no_callback_is_refused(thing: Any) -> None:
    callbacks_map["mine"] = thing
    with pytest.raises(ContractError, match="callback 'mine' must be a class derived from TrainerCallback"):
        make("mine")
    extra_callbacks.append(thing)
    with pytest.raises(ContractError, match=r"extra_callbacks\[0\]"):
        make()


def test_lists_of_several_plugin_files_add_up() -> None:
    first, second = Theirs(), Theirs()
    for name, entries in (("one", [first]), ("two", [first, second])):
        harvest(SimpleNamespace(__name__=name, __file__=f"{name}.py", extra_callbacks=entries))  # type: ignore[arg-type]
    assert make() == [first, second]


def test_only_named_ones_run() -> None:
    callbacks_map["mine"] = Theirs
    assert make() == []


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'early_stop'"):
        make("earlystop")
