"""Tasks as process groups; ending a whole run is tested in test_local.py."""

import os
import subprocess
import sys
import time

from pipelines import processes
from swift_lib.core import environment


def test_what_the_executor_says_of_itself_is_left_out():
    lines = [
        "[KFP Executor INFO]: Looking\n",
        "[KFP Executor INFO]: Got executor_input:\n",
        "{\n",
        "  {\n",
        "  }\n",
        "}\n",
    ]
    assert list(processes.without_executor_lines([*lines, "loss 0.5\n"])) == ["loss 0.5\n"]


def test_processes_below_are_found_across_generations():
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        deadline = time.monotonic() + 20
        while len(processes.below(process.pid)) < 1 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(processes.below(process.pid)) == 1
        assert process.pid in processes.below(os.getpid())
    finally:
        processes.end_group(process, grace=2.0)
    assert processes.below(process.pid) == []


def test_task_returns_its_status_and_last_lines():
    code = "import sys; print('one'); print('two', file=sys.stderr); sys.exit(4)"
    task = processes.Task([sys.executable, "-c", code], environment.child_environment())
    assert task.run(grace=1.0) == 4
    assert sorted(task.tail) == ["one", "two"]


def test_own_children_that_are_no_tasks_are_left_alone():
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        processes.Task(["true"], environment.child_environment()).run(grace=1.0)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()
