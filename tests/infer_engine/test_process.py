import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from swift_lib.core.errors import EngineError
from swift_lib.infer_engine.process import ServerProcess

HELLO = "import http.server, sys; http.server.test(http.server.SimpleHTTPRequestHandler, port=int(sys.argv[1]))"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server(tmp_path: Path, *command: str, port: int = 1) -> ServerProcess:
    return ServerProcess(command, health_url=f"http://127.0.0.1:{port}/", log_file=tmp_path / "log")


def state(pid: int) -> str:
    return subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()


def gone(pid: int, seconds: float = 15.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if state(pid)[:1] in ("", "Z"):
            return True
        time.sleep(0.1)
    return False


def test_ready_then_stopped(tmp_path: Path) -> None:
    port = free_port()
    with server(tmp_path, sys.executable, "-c", HELLO, str(port), port=port) as running:
        assert running.wait_ready(20) > 0
        assert running.alive()
        pid = running.pid
    assert gone(pid)
    assert "GET /" in (tmp_path / "log").read_text()


def test_early_exit_shows_the_log(tmp_path: Path) -> None:
    with (
        server(tmp_path, sys.executable, "-c", "import sys; print('no such flag'); sys.exit(7)") as running,
        pytest.raises(EngineError, match=r"(?s)status 7.*no such flag"),
    ):
        running.wait_ready(20)


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    with server(tmp_path, "/no/such/python") as running, pytest.raises(EngineError, match="No such file"):
        running.wait_ready(20)


def test_time_out_ends_the_group(tmp_path: Path) -> None:
    with server(tmp_path, "sleep", "60") as running:
        pid = running.pid
        with pytest.raises(EngineError, match="not ready after 0 s"):
            running.wait_ready(0.3)
    assert gone(pid)


def test_grandchildren_that_ignore_sigterm_end_too(tmp_path: Path) -> None:
    script = f"trap '' TERM; echo $$ > {tmp_path}/pid; while true; do sleep 1; done"
    command = ["bash", "-c", f'bash -c "{script}" & sleep 60']
    with server(tmp_path, *command) as running:
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
            time.sleep(0.05)
        running.stop()
    assert gone(int((tmp_path / "pid").read_text()))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_group_ends_with_its_starter(tmp_path: Path, number: signal.Signals) -> None:
    code = (
        "import sys, time; from pathlib import Path; from swift_lib.infer_engine.process import ServerProcess\n"
        f"log = Path({str(tmp_path / 'log')!r})\n"
        "s = ServerProcess(['sleep', '60'], health_url='http://127.0.0.1:1/', log_file=log)\n"
        "s.start(); print(s.pid, flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    group = int(starter.stdout.readline())
    while not (child := subprocess.run(["pgrep", "-P", str(group)], capture_output=True, text=True).stdout.split()):
        time.sleep(0.05)
    os.kill(starter.pid, number)
    starter.wait()
    starter.stdout.close()
    assert gone(int(child[0]))
