"""`swift` in processes of their own that need no start: forked from this one, which has imported the libraries.

They are real processes: signals reach them, and each is one of a torchrun-like group where several are asked for.
"""

import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

GRACE_SECONDS = 15.0  # what the other processes of a group have once one has ended


def import_everything() -> None:
    """Import what a training needs; call once, before the first fork."""
    for name in ("swift_lib.cli.main", "swift_lib.pipelines.sft", "swift_lib.tuner_plugin.lora"):
        import_module(name)
    import_module("torch").set_num_threads(1)  # threads do not survive a fork


@dataclass
class Group:
    """The processes of one `swift` command, by pid; `status` is filled as they end."""

    pids: list[int]
    log: Path
    status: dict[int, int] = field(default_factory=dict)

    def running(self) -> list[int]:
        """The pids that have not ended."""
        for pid in [pid for pid in self.pids if pid not in self.status]:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self.status[pid] = os.waitstatus_to_exitcode(status)
        return [pid for pid in self.pids if pid not in self.status]

    def send(self, signum: int, pids: Sequence[int] | None = None) -> None:
        """Send a signal to some of them, or to all."""
        for pid in self.running() if pids is None else pids:
            if pid in self.running():
                os.kill(pid, signum)

    def wait(self, seconds: float) -> bool:
        """Wait for the end of all. As torchrun does, end the others where one failed. False: they did not end."""
        until = time.monotonic() + seconds
        failed_at: float | None = None
        while running := self.running():
            now = time.monotonic()
            if now > until:
                return False
            if failed_at is None and any(self.status.values()):
                failed_at = now
                self.send(signal.SIGTERM, running)
            if failed_at is not None and now - failed_at > GRACE_SECONDS:
                self.send(signal.SIGKILL, running)
            time.sleep(0.005)
        return True

    @property
    def code(self) -> int:
        """Exit status of the first process that failed; 0 where none did."""
        return next((code for code in self.status.values() if code), 0)


def start(words: Sequence[str], log: Path, *, processes: int = 1, added: Mapping[str, str] | None = None) -> Group:
    """Run `swift` with these words in as many processes; their output is appended to the file."""
    shared = dict(added or {})
    if processes > 1:
        shared |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(processes),
                   "LOCAL_WORLD_SIZE": str(processes)}  # fmt: skip
    pids = []
    for rank in range(processes):
        own = {"RANK": str(rank), "LOCAL_RANK": str(rank)} if processes > 1 else {}
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _become_swift(words, log, {**shared, **own})
        pids.append(pid)
    return Group(pids, log)


def _become_swift(words: Sequence[str], log: Path, added: Mapping[str, str]) -> None:
    code = 70
    try:
        os.setpgid(0, 0)
        os.environ.update(added)
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(target, 1)
        os.dup2(target, 2)
        code = import_module("swift_lib.cli.main").main(list(words))
    except BaseException:  # noqa: BLE001 - nothing may come back into the parent's code
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
