"""Run one command and end its whole process group when whoever started us is gone.

Run as a script with `python -I guard.py COMMAND...` in a session of its own, standard input a pipe that the starter
holds and never writes to. However the starter ends, SIGKILL included, the pipe closes, and nothing that the command
started is left. Standard library only: it has to start in an instant and in any interpreter.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

GRACE_SECONDS = 10.0
LEAVE_SECONDS = 0.5


def wait_for_starter(child: subprocess.Popen[bytes]) -> None:
    """Block until the starter closes its end of the pipe; then end the group: ask first, insist after a while."""
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)  # ourselves included


def main() -> int:
    """Run the command; return its exit status as a shell would (128 + signal)."""
    signal.signal(signal.SIGTERM, lambda number, frame: None)  # the command gets the group's signal too; we wait for it
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    watcher = threading.Thread(target=wait_for_starter, args=(child,), daemon=True)
    watcher.start()
    status = child.wait()
    watcher.join(LEAVE_SECONDS)  # where the starter is gone, the watcher ends the rest of the group
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
