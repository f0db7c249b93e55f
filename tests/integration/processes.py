"""Commands in processes of their own that cannot outlive a test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 240  # a machine may be busy; nothing here takes a fourth of it alone


class Ended(NamedTuple):
    """How a command ended: exit status, what it wrote, seconds."""

    status: int
    text: str
    seconds: float


def environment(**more: str) -> dict[str, str]:
    """Ours without what another launcher may have left in it."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "NPROC_PER_NODE", "NNODES", "NODE_RANK",
             "MASTER_ADDR", "MASTER_PORT")  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if name not in names and not name.startswith("PET_")}
    path = os.pathsep.join(filter(None, [str(ROOT), kept.get("PYTHONPATH", "")]))
    return {**kept, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "DS_ACCELERATOR": "cpu", **more}


def words(arguments: dict[str, Any]) -> list[str]:
    """A command line of flat arguments."""
    found: list[str] = []
    for name, value in arguments.items():
        values = value if isinstance(value, list) else [value]
        found += [f"--{name}", *(str(item).lower() if isinstance(item, bool) else str(item) for item in values)]
    return found


class Running:
    """A `python ...` command; leave the `with` block and nothing of it runs any more."""

    def __init__(self, line: list[str], log: Path, **variables: str) -> None:
        self.log = log
        self._began = time.monotonic()
        with log.open("wb") as stream:
            self.process = subprocess.Popen(
                [sys.executable, *line], stdout=stream, stderr=subprocess.STDOUT, cwd=ROOT,
                env=environment(**variables), start_new_session=True,
            )  # fmt: skip

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *_: object) -> None:
        # Its workers watch it, and end when it is gone.
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    @property
    def text(self) -> str:
        """What it wrote until now."""
        return self.log.read_text(errors="replace")

    def until(self, seen: Callable[[str], bool]) -> None:
        """Wait for something in what it writes."""
        deadline = time.monotonic() + SECONDS
        while not seen(self.text):
            assert self.process.poll() is None, f"it ended early:\n{self.text}"
            assert time.monotonic() < deadline, f"not seen:\n{self.text}"
            time.sleep(0.1)

    def end(self, seconds: float = SECONDS) -> Ended:
        """Wait for its end."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it hangs:\n{self.text}") from None
        return Ended(status, self.text, time.monotonic() - self._began)


def swift(command: str, arguments: dict[str, Any], log: Path, **variables: str) -> Running:
    """`swift command --name value ...`."""
    return Running(["-m", "swift_lib", command, *words(arguments)], log, **variables)


def patience(seconds: float) -> float:
    """What takes so long on cores of its own may take longer where others work on them."""
    return seconds * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def alive(marker: str) -> list[int]:
    """Processes whose command line holds a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if marker in line and int(path.parent.name) != os.getpid():
            found.append(int(path.parent.name))
    return found
