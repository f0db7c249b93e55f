import pytest

from swift_lib.core import environment
from swift_lib.core.errors import ArgumentError


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_NAME", "")
    assert environment.get("SOME_NAME", "default") == "default"


@pytest.mark.parametrize(("text", "value"), [("1", True), ("Yes", True), ("0", False), ("", False)])
def test_flags(text: str, value: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_FLAG", text)
    assert environment.flag("SOME_FLAG") is value


def test_a_childs_environment_is_ours_with_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONE", "1")
    child = environment.child_environment({"NEW": "2", "GONE": None})
    assert child["NEW"] == "2" and "GONE" not in child and "PATH" in child


def test_rank_and_world_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert (environment.rank(), environment.world_size()) == (0, 4)


@pytest.mark.parametrize(("text", "value"), [("False", False), ("0", False), ("TRUE", True), ("", True)])
def test_switches_have_a_default(text: str, value: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SWITCH", text)
    assert environment.switch("SOME_SWITCH", True) is value


def test_a_switch_that_is_neither_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SWITCH", "perhaps")
    with pytest.raises(ArgumentError, match="SOME_SWITCH: the environment says 'perhaps'; give True or False"):
        environment.switch("SOME_SWITCH", True)


def test_numbers_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.number("SOME_NUMBER", 0.1) == 0.1
    monkeypatch.setenv("SOME_NUMBER", "0")
    assert environment.number("SOME_NUMBER", 0.1) == 0.0
    with pytest.raises(ArgumentError, match="more than 0"):
        environment.number("SOME_NUMBER", 0.1, above=True)


@pytest.mark.parametrize("text", ["-1", "nan", "inf", "much"])
def test_what_is_no_number_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_NUMBER", text)
    with pytest.raises(ArgumentError, match=f"SOME_NUMBER: the environment says '{text}'; give a number, at least 0"):
        environment.number("SOME_NUMBER", 1.0)


def test_counts_are_whole_and_positive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_COUNT", "None")
    assert environment.count("SOME_COUNT", 2) == 2
    monkeypatch.setenv("SOME_COUNT", "3")
    assert environment.count("SOME_COUNT", None) == 3
    for text in ("0", "1.5", "-2"):
        monkeypatch.setenv("SOME_COUNT", text)
        with pytest.raises(ArgumentError, match="SOME_COUNT"):
            environment.count("SOME_COUNT", None)
