import subprocess
import sys
import threading
from pathlib import Path

import pytest

from swift_lib.core.threads import DaemonPool

ROOT = Path(__file__).parents[2]


def test_results_come_in_order_and_failures_as_they_are() -> None:
    with DaemonPool(3) as pool:
        assert list(pool.map(lambda x: x * x, range(50))) == [x * x for x in range(50)]
        with pytest.raises(KeyError, match="gone"):
            pool.submit({}.__getitem__, "gone").result()


def test_no_more_threads_than_allowed_work_at_a_time() -> None:
    most, now, lock = [0], [0], threading.Lock()

    def work(_: int) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        threading.Event().wait(0.01)
        with lock:
            now[0] -= 1

    with DaemonPool(3) as pool:
        list(pool.map(work, range(20)))
    assert 1 < most[0] <= 3


def test_an_error_leaves_at_once_and_cancels_what_has_not_begun() -> None:
    hangs = threading.Event()
    with pytest.raises(ValueError), DaemonPool(1) as pool:
        running, waiting = pool.submit(hangs.wait, 60), pool.submit(int)
        while not running.running():
            pass
        raise ValueError
    assert waiting.cancelled() and not running.done()
    hangs.set()
    with pytest.raises(RuntimeError, match="closed"):
        pool.submit(int)


def test_a_thread_that_hangs_does_not_hold_the_process() -> None:
    code = (
        "import threading; from swift_lib.core.threads import DaemonPool\nDaemonPool(1).submit(threading.Event().wait)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=20)
