"""Several processes that do one job: who goes first, how the others wait, and how the failure of one ends all.

Waiting goes through the launcher's key-value store, asked now and then: the first process may read rows for hours, and
no collective call stands open for so long. Imports torch only where there are several processes.
"""

import itertools
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from swift_lib.core import environment
from swift_lib.core.errors import PeerFailed, SwiftError
from swift_lib.core.signals import check_stopped, ended_by_signals

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.2
_GRACE_SECONDS = 10.0  # what a process that hangs in a collective call has before it is ended
_MEETING = timedelta(minutes=15)  # until the last process of all nodes has started
_LEAVING_SECONDS = 60.0

_FAILED = "failed"
_runs = itertools.count()  # of a process: each has names of its own in the store


class Processes:
    """This process among those of the run; alone by default.

    rank: 0 is the first, which writes; size: how many there are, over all nodes; local_rank: the number on this node.
    """

    def __init__(self, rank: int = 0, size: int = 1, local_rank: int = 0, store: Any = None) -> None:
        self.rank, self.size, self.local_rank = rank, size, local_rank
        self._store = store
        self._leaving = threading.Event()

    @property
    def is_first(self) -> bool:
        """True in the one process that writes."""
        return self.rank == 0

    @contextmanager
    def first(self, name: str) -> Iterator[bool]:
        """Let the first process go through the block before the others: True in the first, False in those.

        name: of the block, used once in a run. Where the first fails, so do the others, before they enter the block.
        """
        if not self.is_first:
            self._wait(f"done/{name}")
        yield self.is_first
        if self.is_first:
            self.tell(name)

    def tell(self, name: str, value: Any = None) -> None:
        """Say that a block is done, and what came of it: a value that JSON can hold. First process only."""
        if self._store is not None:
            self._store.set(f"done/{name}", json.dumps(value))

    def told(self, name: str) -> Any:
        """What the first process told, waiting for it."""
        self._wait(f"done/{name}")
        return json.loads(self._store.get(f"done/{name}"))

    def from_first(self, name: str, value: Any) -> Any:
        """The first process's value in every process; JSON must be able to hold it."""
        if self.size == 1:
            return value
        if self.is_first:
            self.tell(name, value)
            return value
        return self.told(name)

    def all_here(self, name: str) -> None:
        """Wait until every process has come to this place."""
        if self.size == 1:
            return
        self._store.set(f"here/{name}/{self.rank}", "")
        for rank in range(self.size):
            self._wait(f"here/{name}/{rank}")

    # -- failures --------------------------------------------------------------------------------------------------

    def _wait(self, key: str) -> None:
        if self._store is None:
            return
        while not self._store.check([key]):
            self._raise_others_failure()
            check_stopped()
            time.sleep(_POLL_SECONDS)

    def _raise_others_failure(self) -> None:
        if failure := self._failure():
            raise PeerFailed(failure["rank"], failure["text"], failure["exit_code"])

    def _failure(self) -> Any:
        return json.loads(self._store.get(_FAILED)) if self._store.check([_FAILED]) else None

    def _fail(self, error: BaseException) -> None:
        """Tell the others, unless one of them failed before: then theirs is the reason, and ours its consequence."""
        code = error.exit_code if isinstance(error, SwiftError) else 1
        text = str(error) if isinstance(error, SwiftError) else f"{type(error).__name__}: {error}"
        mine = json.dumps({"rank": self.rank, "text": text, "exit_code": code})
        told = json.loads(self._store.compare_set(_FAILED, "", mine))
        if told["rank"] != self.rank:
            raise PeerFailed(told["rank"], told["text"], told["exit_code"]) from error

    def _watch(self, store: Any) -> None:
        """End this process where another one failed, or is gone, and the main thread does not notice."""
        launcher = environment.launcher_pid()
        while not self._leaving.wait(1.0):
            try:
                lost = store.check([_FAILED])
                code = json.loads(store.get(_FAILED))["exit_code"] if lost else 1
            except RuntimeError:  # what the store raises when the process that holds it is gone
                lost, code = True, 1
            if launcher and os.getppid() != launcher:
                os._exit(1)  # nobody is left who could start the run again or tell how it ended
            if lost and not self._leaving.wait(_GRACE_SECONDS):
                os._exit(code)


ALONE = Processes()


@contextmanager
def join() -> Iterator[Processes]:
    """Meet the other processes of the run for the time of a `with` block.

    An error that leaves the block in one process ends the others as well: with PeerFailed where they wait for one
    another, and after some seconds in any case.
    """
    size = environment.world_size()
    if size == 1:
        yield ALONE
        return
    environment.put_default("LOCAL_RANK", "0")  # a job's controller starts one process a node and leaves it out
    _take_device(environment.local_rank())
    run = next(_runs)
    ours, watched = _store(run), _store(run)
    processes = Processes(environment.rank(), size, environment.local_rank(), ours)
    watch = threading.Thread(target=processes._watch, args=(watched,), name="peers", daemon=True)
    watch.start()
    try:
        yield processes
    except PeerFailed:
        raise
    except BaseException as error:
        processes._fail(error)
        raise
    finally:
        processes._leaving.set()
        watch.join()
        _leave(processes)


def _leave(processes: Processes) -> None:
    """The first process may hold the store, so it leaves last."""
    store = processes._store
    try:
        store.set(f"left/{processes.rank}", "")
        deadline = time.monotonic() + _LEAVING_SECONDS
        while processes.is_first and time.monotonic() < deadline:
            if store.check([f"left/{rank}" for rank in range(processes.size)]):
                return
            time.sleep(_POLL_SECONDS)
    except RuntimeError as error:  # the store went with the process that held it
        logger.debug("left without the others: %s", error)


def _take_device(local_rank: int) -> None:
    import torch  # noqa: PLC0415

    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank % torch.cuda.device_count())


def _store(run: int) -> Any:
    from torch.distributed import PrefixStore, rendezvous  # noqa: PLC0415 - only several processes need torch here

    with ended_by_signals():  # it waits for the others, for minutes, and hears nothing
        store, _, _ = next(rendezvous("env://", timeout=_MEETING))
    return PrefixStore(f"swift/{run}", store)
