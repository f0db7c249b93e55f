"""A server in a process group of its own: started, waited for, and ended in any case."""

import logging
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from swift_lib.core.environment import child_environment
from swift_lib.core.errors import EngineError

logger = logging.getLogger(__name__)

_GUARD = Path(__file__).with_name("guard.py")
_LOG_TAIL_LINES = 25
_POLL_SECONDS = 0.2
_STOP_SECONDS = 20.0


class ServerProcess:
    """A command that serves HTTP, as a context manager.

    Its output goes to `log_file`, never to an inherited pipe (which would keep whoever reads that pipe waiting), and it
    runs under `guard.py`, so that its group ends even when this process is killed.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        health_url: str,
        log_file: Path,
        environment: Mapping[str, str] | None = None,
        name: str = "server",
    ) -> None:
        """`environment`: variables added to our own."""
        self.command = list(command)
        self.health_url = health_url
        self.log_file = log_file
        self.environment = dict(environment or {})
        self.name = name
        self.ready_seconds = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process group's id."""
        assert self._process is not None, "the server is not started"
        return self._process.pid

    def start(self) -> None:
        """Start the command; returns at once."""
        assert self._process is None, "started twice"
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as output:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", str(_GUARD), *self.command],
                    stdin=subprocess.PIPE,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    env=child_environment(self.environment),
                )
            except OSError as error:
                raise EngineError(f"the {self.name} cannot be started: {error}", where=self.command[0]) from error

    def wait_ready(self, timeout: float) -> float:
        """Wait until the health URL answers 200; return the seconds it took.

        Raises EngineError with the log's last lines where the process ends first or `timeout` seconds pass.
        """
        assert self._process is not None, "the server is not started"
        begin = time.monotonic()
        while not self._healthy():
            status = self._process.poll()
            waited = time.monotonic() - begin
            if status is not None:
                raise self._failure(f"the {self.name} ended with status {status} before it was ready")
            if waited > timeout:
                raise self._failure(f"the {self.name} was not ready after {timeout:.0f} s", fix="raise serve_timeout")
            time.sleep(_POLL_SECONDS)
        self.ready_seconds = time.monotonic() - begin
        return self.ready_seconds

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(self.health_url, timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def alive(self) -> bool:
        """Say whether the server still runs."""
        return self._process is not None and self._process.poll() is None

    def log_tail(self) -> str:
        """Return the last lines of the server's output."""
        if not self.log_file.is_file():
            return ""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])

    def _failure(self, what: str, fix: str = "") -> EngineError:
        return EngineError(f"{what}; its last lines:\n{self.log_tail()}\n", where=str(self.log_file), fix=fix)

    def stop(self) -> None:
        """End the process group: SIGTERM, then SIGKILL. Safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        _signal_group(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        _signal_group(process.pid, signal.SIGKILL)  # what the leader left behind
        process.wait()
        if process.stdin is not None:
            process.stdin.close()
        logger.info("the %s is stopped", self.name)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS says EPERM where only zombies are left
        os.killpg(group, number)
