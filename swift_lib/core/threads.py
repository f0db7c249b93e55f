"""Threads that never keep a process from ending: a request that hangs must not outlive the wish to stop."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from types import TracebackType
from typing import Any

_Work = tuple["Future[Any]", Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class DaemonPool(Executor):
    """As ThreadPoolExecutor, but its threads are daemons, and an error that leaves its `with` block waits for nothing.

    Interpreters wait at their end for the threads of a ThreadPoolExecutor, however long those hang in a request.
    """

    def __init__(self, max_workers: int) -> None:
        assert max_workers > 0
        self._limit = max_workers
        self._work: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Call `fn` in a thread."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            future: Future[Any] = Future()
            self._work.put((future, fn, args, kwargs))
            if not self._idle.acquire(blocking=False) and len(self._threads) < self._limit:
                thread = threading.Thread(target=self._run, name="daemon-pool", daemon=True)
                self._threads.append(thread)
                thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more work; what has not begun may be cancelled."""
        with self._lock:
            self._closed = True
            if cancel_futures:
                self._cancel()
            for _ in self._threads:
                self._work.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self.shutdown(wait=kind is None, cancel_futures=kind is not None)
        return None

    def _cancel(self) -> None:
        while True:
            try:
                item = self._work.get_nowait()
            except queue.Empty:
                return
            if item is not None:
                item[0].cancel()

    def _run(self) -> None:
        while (item := self._work.get()) is not None:
            future, function, args, kwargs = item
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function(*args, **kwargs))
                except BaseException as error:  # noqa: BLE001 - handed to whoever asks the future for its result
                    future.set_exception(error)
            del item, future, function, args, kwargs  # what they hold is not kept until the next work comes
            self._idle.release()
