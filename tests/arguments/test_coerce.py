"""Values from a command line, YAML and KFP as the declared type."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_lib.arguments.coerce import Mismatch, coerce, whole_numbers


@pytest.mark.parametrize(
    ("value", "declared", "expected"),
    [
        ("true", bool, True),
        ("False", bool, False),
        (1, bool, True),
        (0.0, bool, False),
        ("3", int, 3),
        (3.0, int, 3),
        ("1e3", int, 1000),
        (2, float, 2.0),
        ("1e-4", float, 1e-4),
        (2024, str, "2024"),
        (True, str, "true"),
        ("a", list[str], ["a"]),
        ('["a", "b"]', list[str], ["a", "b"]),
        ([1.0, "2"], list[int], [1, 2]),
        ('{"a": 1.0}', dict[str, int], {"a": 1}),
        ({"a": {"b": 2.0}}, dict[str, Any], {"a": {"b": 2}}),
        (None, int | None, None),
        ("/ds.json", dict[str, Any] | str, "/ds.json"),
        ('{"stage": 2}', dict[str, Any] | str | None, {"stage": 2}),
    ],
)
def test_reads_what_was_meant(value: Any, declared: Any, expected: Any) -> None:
    result = coerce(value, declared)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("value", "declared", "message"),
    [
        (1.5, int, "expected int, got 1.5"),
        ("1.5", int, "expected int, got 1.5"),
        (True, int, "expected int, got True"),
        (float(2**53), int, "too large to be exact"),
        ("fast", float, "expected float, got 'fast'"),
        ("nan", float, "expected float, got nan"),
        ("maybe", bool, "expected true or false, got 'maybe'"),
        (2, bool, "expected true or false, got 2"),
        (1.5, str, "expected str, got 1.5"),
        (["a"], str, "expected str, got ['a']"),
        ({"a": 1}, list[int], "expected list of int"),
        ([1, 1.5], list[int], "expected int, got 1.5"),
        ("{a}", dict[str, str], "expected a JSON object, got '{a}' (Expecting property name"),
        ("[1, 2]", dict[str, int], "expected a JSON object, got [1, 2]"),
        (None, int, "expected int, got None"),
    ],
)
def test_refuses_what_does_not_fit(value: Any, declared: Any, message: str) -> None:
    with pytest.raises(Mismatch) as refused:
        coerce(value, declared)
    assert message in str(refused.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**52), 2**52) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def _doubled(value: Any) -> Any:
    """What KFP makes of a value inside a struct: every number is a double."""
    if isinstance(value, dict):
        return {key: _doubled(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_doubled(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@given(JSON)
def test_kfps_doubles_become_the_integers_they_were(value: Any) -> None:
    restored = whole_numbers(_doubled(value))
    assert restored == value
    assert repr(restored) == repr(value)
