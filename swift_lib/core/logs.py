"""Where log lines go: stderr, one line each, without secrets."""

import logging
import sys
from typing import TextIO

from swift_lib.core import environment
from swift_lib.core.safety import redact_text

_OURS = ("swift_lib", "components", "pipelines", "__main__")
_NOISY = (
    "alembic",
    "mlflow.store.db.utils",
    "botocore",
    "boto3",
    "s3transfer",
    "urllib3",
    "httpx",
    "httpcore",
    "filelock",
)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact_text(super().format(record))


class _StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to whatever `sys.stderr` is now, not what it was when logging was set up."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _value: TextIO) -> None:
        return

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream.isatty():
            self.stream.write("\r\x1b[K")  # a progress bar may stand in this line; it is drawn again below
        super().emit(record)


def setup_logging(level: str = "info") -> None:
    """Send log lines to stderr. `level` is for our own loggers; libraries speak from WARNING on.

    Ranks above 0 speak from WARNING on, so that a line is not repeated once per process. Calling it again only changes
    the level.
    """
    chosen = logging.getLevelNamesMapping().get(level.upper())
    assert chosen is not None, f"log level {level!r} was not checked against its choices"
    if environment.rank() > 0:
        chosen = max(chosen, logging.WARNING)
    root = logging.getLogger()
    if not any(isinstance(handler, _StderrHandler) for handler in root.handlers):
        handler = _StderrHandler()
        handler.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s", datefmt="%H:%M:%S"))
        root.addHandler(handler)
    for name in _OURS:
        logging.getLogger(name).setLevel(chosen)
    quiet(*_NOISY)


def get_logger(name: str = "swift_lib.plugin") -> logging.Logger:
    """A logger whose lines appear among ours, for plugin files."""
    return logging.getLogger(name if name.partition(".")[0] in _OURS else f"swift_lib.plugin.{name}")


def quiet(*names: str) -> None:
    """Let libraries of these logger names report warnings only."""
    for name in names:
        logging.getLogger(name).setLevel(logging.WARNING)
