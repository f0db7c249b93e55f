import logging
from collections.abc import Iterator

import pytest

from swift_lib.core.logs import setup_logging


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("swift_lib")
    handlers, level = list(root.handlers), ours.level
    yield
    root.handlers[:], ours.level = handlers, level


def test_our_lines_go_to_stderr_once_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    setup_logging("info")
    setup_logging("info")
    logging.getLogger("swift_lib.x").info("using http://u:p@host")
    logging.getLogger("swift_lib.x").debug("details")
    logging.getLogger("some_library").info("chatter")
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("using http://***@host") == 1
    assert "details" not in captured.err and "chatter" not in captured.err


def test_other_ranks_only_warn(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")
    setup_logging("debug")
    logging.getLogger("swift_lib.x").info("same everywhere")
    assert capsys.readouterr().err == ""


def test_a_line_on_a_terminal_takes_the_place_of_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    setup_logging("info")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    logging.getLogger("swift_lib.x").info("a line")
    assert capsys.readouterr().err.startswith("\r\x1b[K")
