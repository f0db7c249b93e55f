import pickle
import signal

import pytest

from swift_lib.core import errors
from swift_lib.core.errors import ArgumentError, DataError, Interrupted, MissingDependency, SwiftError


def test_one_paragraph_says_what_where_and_what_to_do() -> None:
    error = DataError("The row has no reply", where="data.jsonl:7", fix="add one")
    assert str(error) == "The row has no reply. Where: data.jsonl:7. Do: add one."


def test_argument_error_prints_every_problem_on_its_line() -> None:
    assert str(ArgumentError(["a is wrong", "b is missing"])) == "a is wrong\nb is missing"
    assert ArgumentError(["a"]).exit_code == 2


def test_interrupted_exits_as_a_shell_reports_signals() -> None:
    assert Interrupted(signal.SIGTERM).exit_code == 143
    assert "SIGTERM" in str(Interrupted(signal.SIGTERM))


@pytest.mark.parametrize(
    "error",
    [
        DataError("what", where="here", fix="that"),
        MissingDependency("what", fix="pip install x"),
        ArgumentError(["a", "b"]),
        Interrupted(15),
    ],
)
def test_errors_survive_the_way_from_a_worker_process(error: SwiftError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error) and str(again) == str(error) and again.exit_code == error.exit_code


def test_the_tree_has_one_root() -> None:
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert all(issubclass(cls, SwiftError) for cls in classes)
