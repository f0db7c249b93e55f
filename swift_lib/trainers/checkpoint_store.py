"""Checkpoints where a next machine finds them: copied to a folder or s3:// while training goes on.

A thread copies the newest first. What is there is complete: the manifest comes last. A copy that fails is tried again
after growing waits, then told in one line and counted, and training goes on; only what is missing at the end counts.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path

from swift_lib.core.errors import Interrupted, StorageError, SwiftError
from swift_lib.core.files import ASIDE
from swift_lib.core.signals import check_stopped
from swift_lib.core.storage import MANIFEST, delete, download, is_remote, join, list_files, local_path, upload
from swift_lib.trainers.checkpoint import beyond, step_of

logger = logging.getLogger(__name__)

_WAITS = (1.0, 4.0, 15.0)  # seconds before a copy is tried again; the object store's client repeats requests itself
_POLL_SECONDS = 0.1

FINAL = "final"


class _Closed(Exception):
    """Raised inside a copy that is not wanted any more."""


class CheckpointStore:
    """The copies of one run.

    limit: complete checkpoints that are kept there, the newest and the best always; None keeps all. Only those that
    this run put there, or were `adopted`, are deleted. `damaged` ones go, as torn ones do, when a later one is there.
    """

    def __init__(
        self, uri: str, limit: int | None = None, *, adopted: Collection[int] = (), damaged: Collection[int] = ()
    ) -> None:
        self.uri = uri
        self.failures = 0
        self._limit = limit
        self._ours = set(adopted)
        self._damaged = set(damaged)
        self._waiting: dict[int, tuple[Path, int | None]] = {}  # step to (folder, step of the best one)
        self._active: int | None = None
        self._unpublished: dict[int, Path] = {}
        self._newest = max(adopted, default=-1)
        self._crash: BaseException | None = None
        self._changed = threading.Condition()
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    # -- while training --------------------------------------------------------------------------------------------

    def put(self, folder: Path, best: int | None = None) -> None:
        """Have a complete checkpoint copied. best: the step of the best one so far, which is kept."""
        step = step_of(folder.name)
        assert step is not None, folder
        self._raise_crash()
        with self._changed:
            self._waiting[step] = folder, best
            self._newest = max(self._newest, step)
            self._changed.notify_all()
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="checkpoint-store", daemon=True)
            self._thread.start()

    def release(self, folder: Path) -> bool:
        """Whether a local checkpoint may be deleted: not while it is copied. It is not copied afterwards."""
        step = step_of(folder.name)
        with self._changed:
            if step == self._active:
                return False
            self._waiting.pop(step or 0, None)
            self._unpublished.pop(step or 0, None)
            return True

    # -- at the end ------------------------------------------------------------------------------------------------

    def finish(self, final: Path) -> None:
        """Wait for what is on its way, try once more what failed, publish `final` and close.

        Raises StorageError where the newest checkpoint or `final` did not get there: what is local is whole then, and
        running again repeats the copies only.
        """
        self._wait(check_stopped, lambda: False)
        for step, folder in sorted(self._unpublished.items(), reverse=True):
            if self._publish(folder, folder.name):
                del self._unpublished[step]
                self._ours.add(step)
        missing = [f"checkpoint-{self._newest}"] if self._newest in self._unpublished else []
        if not missing and not self._publish(final, FINAL):
            missing = [FINAL]
        self.close()
        if missing:
            raise StorageError(
                f"The training is done, but {missing[0]} could not be published",
                where=join(self.uri, missing[0]),
                fix="see why in the log, then run the same command again: nothing is trained twice",
            )

    def leave(self, seconds: float) -> bool:
        """After a signal: wait at most so long for the newest checkpoint's copy. True if it is there."""
        until = time.monotonic() + seconds
        self._wait(lambda: None, lambda: time.monotonic() > until or self._newest in self._ours)
        self.close()
        there = self._newest in self._ours
        if self._newest >= 0:
            logger.info(
                "checkpoint-%d is%s at %s", self._newest, "" if there else " not yet complete", self.uri
            )  # fmt: skip
        return there

    def close(self) -> None:
        """End the thread between two files, without waiting for it."""
        self._closed.set()
        with self._changed:
            self._changed.notify_all()

    def _wait(self, poll: Callable[[], None], enough: Callable[[], bool]) -> None:
        """Until nothing is on its way any more, or it is enough."""
        while not enough():
            self._raise_crash()
            poll()
            with self._changed:
                if not self._waiting and self._active is None:
                    return
                self._changed.wait(_POLL_SECONDS)

    # -- the thread ------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        try:
            while (taken := self._take()) is not None:
                step, folder, best = taken
                there = self._publish(folder, folder.name)
                if there:
                    self._damaged.discard(step)
                    self._prune(step, best)
                with self._changed:
                    if there:
                        self._ours.add(step)
                        self._unpublished.pop(step, None)
                    else:
                        self._unpublished[step] = folder
                    self._active = None
                    self._changed.notify_all()
        except _Closed:
            return
        except BaseException as error:
            self._crash = error
            raise

    def _take(self) -> tuple[int, Path, int | None] | None:
        with self._changed:
            while not self._waiting and not self._closed.is_set():
                self._changed.wait()
            if self._closed.is_set():
                return None
            step = max(self._waiting)
            folder, best = self._waiting.pop(step)
            self._active = step
            return step, folder, best

    def _poll(self) -> None:
        if self._closed.is_set():
            raise _Closed

    def _publish(self, folder: Path, name: str) -> bool:
        """Copy a folder, with repetitions; False, one line and one more failure where it does not get there."""
        for wait in (*_WAITS, None):
            try:
                upload(folder, join(self.uri, name), poll=self._poll)
            except Interrupted:
                raise
            except (SwiftError, OSError) as error:
                if wait is not None:
                    logger.debug("copying %s failed, again in %.0f s: %s", name, wait, error)
                    self._pause(wait)
                    continue
                self.failures += 1
                logger.warning(
                    "%s could not be published, the work goes on (failure %d): %s", name, self.failures, error
                )  # fmt: skip
            else:
                logger.info("published %s", join(self.uri, name))
                return True
        return False

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._poll()
            if threading.current_thread() is self._thread:
                self._closed.wait(left)
            else:
                check_stopped()
                time.sleep(min(left, _POLL_SECONDS))

    def _prune(self, newest: int, best: int | None) -> None:
        """Drop what is beyond the limit, and what earlier tries left torn."""
        try:
            found = steps_at(self.uri)
            complete = [step for step, is_complete in found.items() if is_complete and step in self._ours | {newest}]
            torn = [
                step
                for step, is_complete in found.items()
                if step < newest and (not is_complete or step in self._damaged)
            ]
            for step in [*beyond(complete, self._limit, () if best is None else (best,)), *torn]:
                delete(join(self.uri, f"checkpoint-{step}"))
            if not is_remote(self.uri):  # where a copy is made aside, which a kill leaves there
                for path in local_path(self.uri).glob(f"{ASIDE}checkpoint-*"):
                    delete(str(path))
        except (SwiftError, OSError) as error:
            logger.warning("old checkpoints at %s could not be deleted: %s", self.uri, error)

    def _raise_crash(self) -> None:
        if self._crash is not None:
            raise self._crash


def steps_at(uri: str) -> dict[int, bool]:
    """Step of each checkpoint at a URI to whether it is complete (has its manifest), ascending."""
    found: dict[int, bool] = {}
    for name in list_files(uri):
        folder, _, file = name.partition("/")
        if (step := step_of(folder)) is not None:
            found[step] = found.get(step, False) or file == MANIFEST
    return dict(sorted(found.items()))


def bring(uri: str, step: int, output_dir: Path) -> Path:
    """Copy a complete checkpoint here, checked. Raises StorageError where it is torn or damaged."""
    folder = output_dir / f"checkpoint-{step}"
    return download(join(uri, folder.name), folder, require_manifest=True)
