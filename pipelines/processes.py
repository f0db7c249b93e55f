"""Local tasks that end with us: a task, its children, and servers that moved to a group of their own."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

_PR_SET_CHILD_SUBREAPER = 36
_TAIL_LINES = 40


class Stopped(BaseException):
    """A signal asked us to stop. Not an Exception: KFP's orchestrator must not take it for a failed task."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class _Orphans:
    """Whether grandchildren come to us when their parent dies, and which children are none of a task's."""

    adopted = False
    unrelated: frozenset[int] = frozenset()


# Tasks that run now; a ParallelFor has two of them at a time.
_running: set[int] = set()


def adopt_orphans() -> None:
    """Make grandchildren whose parent died our children, so that they are found and ended (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        _Orphans.adopted = True
        _Orphans.unrelated = frozenset(below(os.getpid()))


def below(pid: int) -> list[int]:
    """Processes below `pid` or in the session that it leads, by /proc; empty where there is none."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            # The name in parentheses may hold anything; behind it stand state, parent, group, session.
            _, parent, _, session, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended while we looked
        for owner in {int(parent), int(session)} - {int(folder.name)}:
            children.setdefault(owner, []).append(int(folder.name))
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        new = set(children.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return sorted(found)


class Task:
    """One local task: `command` in a session of its own, its output passed on line by line."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            bufsize=1,
            env=dict(environment),
            start_new_session=True,
        )

    def run(self, grace: float) -> int:
        """Wait for the task and end what it left behind; the return code is negative for a signal.

        Output is read beside the wait: a child that inherited the pipe would otherwise hold the task open.
        """
        assert self._process.stdout is not None
        reader = threading.Thread(target=self._pass_on, args=(self._process.stdout,), daemon=True)
        reader.start()
        _running.add(self._process.pid)
        try:
            return self._process.wait()
        finally:
            end_group(self._process, grace)
            _running.discard(self._process.pid)
            reader.join(timeout=5)
            if not reader.is_alive():
                self._process.stdout.close()

    def _pass_on(self, stream: IO[str]) -> None:
        for line in without_executor_lines(stream):
            self.tail.append(line.rstrip("\n"))
            print(line, end="", flush=True)


def without_executor_lines(lines: Iterable[str]) -> Iterator[str]:
    """A task's lines without what KFP's executor says of itself, the JSON of all its inputs before all."""
    in_json = False
    for line in lines:
        if in_json:
            in_json = line.rstrip() != "}"
        elif line.startswith("[KFP Executor"):
            in_json = line.rstrip().endswith("Got executor_input:")
        else:
            yield line


def end_group(process: "subprocess.Popen[str]", grace: float) -> None:
    """End a task's group and everything below us: politely, then for good after `grace` seconds."""
    for signum, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        alive = _alive(process)
        if not alive:
            return
        for pid in alive:
            _signal(pid, signum)
        deadline = time.monotonic() + patience
        while _alive(process) and time.monotonic() < deadline:
            time.sleep(0.05)


def _alive(process: "subprocess.Popen[str]") -> list[int]:
    """The task and what is below it; orphans too, which are our children now, unless another task may own them."""
    process.poll()
    alone = _Orphans.adopted and _running <= {process.pid}
    candidates = {process.pid, *(below(os.getpid()) if alone else below(process.pid))}
    alive = {pid for pid in candidates - _Orphans.unrelated if pid == process.pid or not _reap(pid)}
    if process.returncode is not None:
        alive.discard(process.pid)
    if not Path("/proc").exists() and _group_exists(process.pid):
        alive.add(-process.pid)
    return sorted(alive)


def _reap(pid: int) -> bool:
    """Whether `pid` was a dead child of ours; it is gone then."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False  # a grandchild: its parent reaps it


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _signal(pid: int, signum: int) -> None:
    try:
        os.kill(pid, signum)  # a negative number is a group
    except ProcessLookupError:
        return
