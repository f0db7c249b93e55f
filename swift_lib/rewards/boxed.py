r"""Answers in `\boxed{...}` and when two of them are the same."""

import re
from fractions import Fraction

_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]+)\}\{([^{}]+)\}")
_ANSWER_HEADING = "# Answer"
_DROPPED = ("\\left", "\\right", "\\,", "\\!", "\\;", "\\ ", "$")


def first_boxed(text: str) -> str | None:
    r"""Return what the first complete `\boxed{...}` holds, braces balanced, or None."""
    start = text.find("\\boxed{")
    while start >= 0:
        begin = start + len("\\boxed{")
        depth = 1
        for at in range(begin, len(text)):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            if depth == 0:
                return text[begin:at]
        start = text.find("\\boxed{", begin)
    return None


def stated_answer(solution: str) -> str:
    """Return the answer of a reference solution: its box, else what follows `# Answer`, else all of it."""
    tail = solution.rpartition(_ANSWER_HEADING)[2]
    boxed = first_boxed(tail)
    return tail.strip() if boxed is None else boxed


def _clean(answer: str) -> str:
    for dropped in _DROPPED:
        answer = answer.replace(dropped, "")
    answer = re.sub(r"\^\{(\w)\}", r"^\1", answer)  # x^{2} and x^2
    answer = re.sub(r"\\text\{([^{}]*)\}", r"\1", answer)
    return re.sub(r"\s+", "", answer).rstrip(".")


def _value(answer: str) -> Fraction | None:
    """Return the number that an answer is, if it is one: 3, -0.5, 1/2, a LaTeX fraction, with thousands commas."""
    plain = _FRACTION.sub(r"\1/\2", answer)
    if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", plain):
        plain = plain.replace(",", "")
    try:
        return Fraction(plain)
    except (ValueError, ZeroDivisionError):
        return None


def same_answer(left: str, right: str) -> bool:
    """Say whether two answers are the same text after cleaning, or the same number. No algebra is done."""
    left, right = _clean(left), _clean(right)
    if left == right:
        return True
    value = _value(left)
    return value is not None and value == _value(right)
