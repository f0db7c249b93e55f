"""Requests that arrive one by one, answered in batches."""

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import replace

from swift_lib.core.errors import SwiftError
from swift_lib.core.types import ChatCompletionResponse
from swift_lib.infer_engine.base import GenerationItem, InferEngine

Event = tuple[int, str] | None  # a choice's index and its next piece of text; None: the end


class Batcher:
    """One thread runs the engine; while it works, new requests gather for its next batch."""

    def __init__(self, engine: InferEngine, max_batch_size: int = 32) -> None:
        self._engine = engine
        self._size = max_batch_size if max_batch_size > 0 else 1_000_000
        self._waiting: queue.Queue[tuple[GenerationItem, Future[ChatCompletionResponse]] | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def submit(self, item: GenerationItem) -> Future[ChatCompletionResponse]:
        """Queue a request; the future holds its answer or its error."""
        future: Future[ChatCompletionResponse] = Future()
        self._waiting.put((item, future))
        return future

    def stream(self, item: GenerationItem) -> tuple[Iterator[tuple[int, str]], Future[ChatCompletionResponse]]:
        """Queue a request; the iterator gives its text piece by piece and ends when the future is done."""
        events: queue.Queue[Event] = queue.Queue()
        future = self.submit(replace(item, on_text=lambda index, text: events.put((index, text))))
        future.add_done_callback(lambda _: events.put(None))
        return iter(events.get, None), future

    def close(self) -> None:
        """Finish what is queued and end the thread."""
        self._waiting.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._waiting.get()) is not None:
            batch = [first]
            while len(batch) < self._size:
                try:
                    entry = self._waiting.get_nowait()
                except queue.Empty:
                    break
                if entry is None:
                    self._waiting.put(None)
                    break
                batch.append(entry)
            self._answer(batch)

    def _answer(self, batch: list[tuple[GenerationItem, Future[ChatCompletionResponse]]]) -> None:
        try:
            results = self._engine.generate([item for item, _ in batch])
        except Exception as error:  # noqa: BLE001 - a request must not end the server; its caller raises it again
            for _, future in batch:
                future.set_exception(error)
            return
        for (_, future), result in zip(batch, results, strict=True):
            if isinstance(result, SwiftError):
                future.set_exception(result)
            else:
                future.set_result(result)
