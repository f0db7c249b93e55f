import pytest

from swift_lib.metrics.text import contains, exact_match, last_number, numeric_match


def test_exact_match_ignores_white_space_only() -> None:
    assert exact_match(" a  b\n", "a b") == 1.0
    assert exact_match("A b", "a b") == 0.0


def test_contains_needs_a_reference() -> None:
    assert contains("the answer is 4.", "answer  is 4") == 1.0
    assert contains("anything", " ") == 0.0


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("#### 1,234", "1234"),
        ("costs $5.50.", "5.50"),
        ("-3", "-3"),
        ("1, 2", "2"),
        ("1,2", "2"),
        ("18%", "18"),
        (".5 of it", ".5"),
        ("2e3", "2000"),
        ("x2 and v1.5b", None),
        ("no number", None),
        ("1,234,567.8 in all", "1234567.8"),
    ],
)
def test_last_number(text: str, number: str | None) -> None:
    found = last_number(text)
    assert (None if found is None else float(found)) == (None if number is None else float(number))


def test_numeric_match_compares_values() -> None:
    assert numeric_match("so it is 1,000.0 dollars", "12 + 988 = 1000") == 1.0
    assert numeric_match("1001", "1000") == 0.0
    assert numeric_match("none", "none") == 0.0
