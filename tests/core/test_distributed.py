"""Processes that wait for one another, here as threads with a client each of one real store."""

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from torch.distributed import TCPStore

from swift_lib.core import distributed
from swift_lib.core.distributed import ALONE, Processes, join
from swift_lib.core.errors import DataError, Interrupted, PeerFailed
from swift_lib.core.signals import stop_flag


@pytest.fixture()
def together(monkeypatch: pytest.MonkeyPatch) -> list[Processes]:
    """Three processes."""
    monkeypatch.setattr(distributed, "_POLL_SECONDS", 0.01)
    server = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    clients = [TCPStore("127.0.0.1", server.port, wait_for_workers=False) for _ in range(2)]
    return [Processes(rank, 3, rank, store) for rank, store in enumerate([server, *clients])]


def in_threads(*work: Callable[[], Any]) -> list[Any]:
    """What each returned or raised."""
    found: list[Any] = [None] * len(work)

    def run(at: int) -> None:
        try:
            found[at] = work[at]()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            found[at] = error

    threads = [threading.Thread(target=run, args=(at,), daemon=True) for at in range(len(work))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    return found


def test_alone_nothing_waits() -> None:
    with ALONE.first("data") as mine:
        assert mine
    ALONE.all_here("end")
    assert ALONE.from_first("start", "checkpoint-2") == "checkpoint-2"


def test_the_first_goes_before_the_others(together: list[Processes]) -> None:
    order: list[int] = []

    def work(processes: Processes) -> bool:
        with processes.first("data") as mine:
            if mine:
                time.sleep(0.2)
            order.append(processes.rank)
        return mine

    assert in_threads(*(lambda p=p: work(p) for p in together)) == [True, False, False]
    assert order[0] == 0


def test_all_get_the_value_of_the_first(together: list[Processes]) -> None:
    found = in_threads(*(lambda p=p: p.from_first("start", {"rank": p.rank}) for p in together))
    assert found == [{"rank": 0}] * 3


def test_nobody_passes_before_all_are_here(together: list[Processes]) -> None:
    passed: list[int] = []

    def work(processes: Processes, delay: float) -> int:
        time.sleep(delay)
        arrived = len(passed)
        processes.all_here("save/1")
        passed.append(processes.rank)
        return arrived

    assert in_threads(*(lambda p=p: work(p, 0.1 * p.rank) for p in together)) == [0, 0, 0]


def test_an_error_of_one_is_the_error_of_those_who_wait_for_it(together: list[Processes]) -> None:
    error = DataError("no rows", where="a.jsonl", fix="give some")
    together[0]._fail(error)
    for other in together[1:]:
        with pytest.raises(PeerFailed) as caught, other.first("data"):
            pass
        assert (str(caught.value), caught.value.exit_code, caught.value.rank) == (str(error), 1, 0)


def test_what_failed_first_is_the_reason(together: list[Processes]) -> None:
    together[2]._fail(Interrupted(15))
    with pytest.raises(PeerFailed, match="SIGTERM") as caught:
        together[0]._fail(RuntimeError("connection reset by peer"))
    assert caught.value.exit_code == 143


def test_a_signal_ends_the_waiting(together: list[Processes]) -> None:
    with pytest.raises(Interrupted), stop_flag():
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
        together[1].told("claimed")


def test_a_signal_does_not_end_a_save_that_waits_for_the_others(together: list[Processes]) -> None:
    with stop_flag() as flag:
        with flag.held():
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Timer(0.1, together[0].tell, ("sealed/1",)).start()
            together[1].told("sealed/1")
        with pytest.raises(Interrupted):
            flag.check()


def test_one_process_joins_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with join() as processes:
        assert processes is ALONE
