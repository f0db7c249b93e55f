import logging

import pytest

from swift_lib.infer_engine.base import ContextLengthError, resolve_max_tokens


@pytest.mark.parametrize(
    ("prompt", "requested", "context", "expected"), [(3, None, 10, 7), (3, 5, 10, 5), (3, 50, 10, 7), (3, 50, None, 50)]
)
def test_resolve_max_tokens(prompt: int, requested: int | None, context: int | None, expected: int) -> None:
    assert resolve_max_tokens(prompt, requested, context) == expected


def test_a_request_that_is_capped_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        resolve_max_tokens(3, 50, 10)
    assert "50" in caplog.text


def test_no_room() -> None:
    with pytest.raises(ValueError, match=r"Input length \(5\).*max_model_len \(4\)"):
        resolve_max_tokens(5, None, 4)
    with pytest.raises(ContextLengthError, match="no context length"):
        resolve_max_tokens(5, None, None)
