"""Metrics that compare a generated text with its reference: pure functions from two strings to 0.0 or 1.0."""

import re
from decimal import Decimal, InvalidOperation

# A number as people write it: 1,234.5 · -3 · .5 · 2e-3. A separator counts only in front of three digits,
# so that "1, 2" and "1,2" are two numbers.
_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)?(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\w)")


def normalise(text: str) -> str:
    """Strip the ends and make every run of white space one space; case and punctuation stay."""
    return " ".join(text.split())


def exact_match(prediction: str, reference: str) -> float:
    """1.0 if both texts are the same apart from white space."""
    return float(normalise(prediction) == normalise(reference))


def contains(prediction: str, reference: str) -> float:
    """1.0 if the reference, which must not be empty, occurs in the prediction apart from white space."""
    wanted = normalise(reference)
    return float(bool(wanted) and wanted in normalise(prediction))


def last_number(text: str) -> Decimal | None:
    """Return the last number written in `text`, thousands separators removed, or None."""
    found = [match.group() for match in _NUMBER.finditer(text) if any(c.isdigit() for c in match.group())]
    if not found:
        return None
    try:
        return Decimal(found[-1].replace(",", ""))
    except InvalidOperation:  # an exponent beyond what a decimal holds
        return None


def numeric_match(prediction: str, reference: str) -> float:
    """1.0 if the last number of both texts is the same value (`1,000` and `1000.0` are); no number is no match."""
    wanted = last_number(reference)
    return float(wanted is not None and last_number(prediction) == wanted)
