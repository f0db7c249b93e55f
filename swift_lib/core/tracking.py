"""What a run did, in MLflow and in a local `metrics.jsonl`. A tracking failure warns and never fails the work."""

import json
import logging
import math
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from swift_lib.core import environment
from swift_lib.core.errors import Interrupted, SwiftError
from swift_lib.core.files import write_atomic
from swift_lib.core.mlflow_store import CONFIRMED, RUN_KEY, STAGE, RunStore
from swift_lib.core.safety import redact

__all__ = ["Tracker", "close_parent", "resolve_uri"]

logger = logging.getLogger(__name__)

OFF = "none"
DEFAULT_EXPERIMENT = "swift"

_FLUSH_SECONDS = 2.0
_BATCH = 1000  # metrics that one request may carry
_FAILURES = 3  # in a row, after which tracking is off for this process
_FINISH_SECONDS = 60.0

Record = tuple[str, float, int, int]


def resolve_uri(uri: str) -> str:
    """Where to track: the argument, else MLFLOW_TRACKING_URI; "" for nowhere ("none" says so on purpose)."""
    chosen = uri or environment.mlflow_tracking_uri()
    return "" if chosen.lower() == OFF else chosen


class Tracker:
    """One stage's run: a child of the pipeline run's parent, or the run that Kubeflow's integration opened for it.

    Make it with `Tracker.open`. Every method returns quickly and raises nothing: metrics are sent in batches by a
    thread of their own, and failures of the store are reported once and then counted until tracking turns itself off.
    """

    def __init__(self, store: RunStore | None, run_id: str, parent_id: str, adopted: bool, local: Path | None) -> None:
        self.run_id, self.parent_id, self.adopted = run_id, parent_id, adopted
        self._store, self._local = store, local
        self._failures = 0
        self._warned = False
        self._records: queue.SimpleQueue[Record | None] = queue.SimpleQueue()
        self._sender: threading.Thread | None = None
        self._ended = False

    @classmethod
    def open(
        cls,
        *,
        uri: str = "",
        experiment: str = "",
        run_key: str = "",
        run_name: str = "",
        stage: str,
        local: str | Path | None = None,
    ) -> "Tracker":
        """Find or make this stage's run.

        `uri`: see `resolve_uri`. `run_key` names the pipeline run ("" takes Kubeflow's run id; without one the stage's
        run has no parent). `local`: a file to which every record is appended too. Ranks above 0 get a silent tracker.
        """
        if environment.rank() > 0:
            return cls(None, "", "", False, None)
        file = Path(local) if local else None
        chosen = resolve_uri(uri)
        if not chosen:
            logger.info(
                "Tracking is off%s", "" if uri.lower() == OFF else ": no --track_uri and no MLFLOW_TRACKING_URI"
            )
            return cls(None, "", "", False, file)
        tracker = cls(None, "", "", False, file)
        with tracker._guard("open a run"):
            tracker._open(
                chosen, experiment or DEFAULT_EXPERIMENT, run_key or environment.kfp_run_id(), run_name, stage
            )
        return tracker

    def _open(self, uri: str, experiment: str, run_key: str, run_name: str, stage: str) -> None:
        store = RunStore(uri, experiment)
        made_by_kfp = environment.mlflow_run_id() if uri == environment.mlflow_tracking_uri() else ""
        if made_by_kfp:
            self.run_id, self.adopted = made_by_kfp, True
            store.client.set_tag(made_by_kfp, STAGE, stage)
            if run_key:
                store.client.set_tag(made_by_kfp, RUN_KEY, run_key)
        else:
            self.parent_id = store.parent(run_key, run_name) if run_key else ""
            name = stage if run_key else (run_name or stage)
            self.run_id = store.child(self.parent_id or None, run_key, stage, name)
        self._store = store

    @property
    def active(self) -> bool:
        """True while records reach the store."""
        return self._store is not None

    # -- records ---------------------------------------------------------------------------------------------------

    def params(self, values: Mapping[str, Any]) -> None:
        """Log hyper-parameters as `hp/<name>`, without secrets; nested mappings become `hp/a/b`.

        The prefix keeps them apart from what Kubeflow logs under the bare names: a value that differs there would drop
        its whole batch.
        """
        flat = dict(_flatten(redact(dict(values)), "hp"))
        self._append({"params": flat})
        with self._guard("log parameters") as store:
            if store and (changed := store.log_params(self.run_id, flat)):
                logger.info("Tracking keeps the first values of %s", ", ".join(sorted(changed)))

    def metrics(self, values: Mapping[str, Any], step: int = 0, beside: Mapping[str, Any] | None = None) -> None:
        """Log the numbers among `values` at a step; anything else is left out. beside: for the local record only."""
        numbers = {name: float(value) for name, value in values.items() if _is_number(value)}
        if not numbers:
            return
        now = time.time()
        finite = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        self._append({"step": step, "time": round(now, 3), **(beside or {}), **finite})
        if self._store is None:
            return
        for name, value in numbers.items():
            self._records.put((name, value, int(now * 1000), int(step)))
        if self._sender is None:
            self._sender = threading.Thread(target=self._send, name="tracking", daemon=True)
            self._sender.start()

    def rewind(self, step: int, *, owes_evaluation: bool = False) -> None:
        """Forget in the local file what an earlier try recorded after `step`, which the run comes to again, and at its
        end, which was none (`train_loss`), and what is there twice. (In the store both stay: it deletes no points.)

        owes_evaluation: the evaluation at `step` is to come; that of an earlier try is forgotten, too.
        """
        if self._local is None or not self._local.is_file():
            return
        kept: dict[str, None] = {}
        for line in self._local.read_text(encoding="utf-8").splitlines():
            try:
                record = json.loads(line)
                owed = owes_evaluation and record.get("step") == step and "eval_loss" in record
                if record.get("step", step) <= step and "train_loss" not in record and not owed:
                    kept[line] = None
            except ValueError:  # the process was killed while it wrote this
                continue
        try:
            write_atomic(self._local, "".join(f"{line}\n" for line in kept).encode())
        except SwiftError as error:
            logger.warning("Cannot write %s (%s); it stays as it is", self._local, error)

    def dataset(self, name: str, digest: str, rows: int | None, uri: str, *, context: str = "training") -> None:
        """Log a dataset as an input of the run, by its content's digest."""
        clean = redact(uri)
        self._append({"dataset": name, "digest": digest, "rows": rows, "uri": clean, "context": context})
        with self._guard("log a dataset") as store:
            if store:
                store.log_dataset(self.run_id, name, digest, rows, clean, context)

    def artifact(self, path: str | Path, folder: str = "") -> None:
        """Copy a file or a folder's content to the run's artifacts under `folder`."""
        with self._guard(f"log {path}") as store:
            if store:
                store.log_artifact(self.run_id, Path(path), folder)

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags of the run."""
        with self._guard("set tags") as store:
            for name, value in redact(dict(values)).items():
                if store:
                    store.client.set_tag(self.run_id, name, str(value))

    # -- end -------------------------------------------------------------------------------------------------------

    def finish(self, status: str = "FINISHED") -> None:
        """Send what is left and end the run with FINISHED, FAILED or KILLED; an adopted run is left open."""
        if self._ended:
            return
        self._ended = True
        if self._sender is not None:
            self._records.put(None)
            self._sender.join(_FINISH_SECONDS)
        with self._guard("end the run") as store:
            if store and not self.adopted:
                store.end(self.run_id, status)

    def __enter__(self) -> "Tracker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stopped = isinstance(error, Interrupted | KeyboardInterrupt)
        self.finish("FINISHED" if error is None else "KILLED" if stopped else "FAILED")

    # -- inside ----------------------------------------------------------------------------------------------------

    def _send(self) -> None:
        """Body of the thread: gather for a moment, send in one request, until None arrives and nothing waits."""
        waiting: list[Record] = []
        more = True
        while more or (waiting and self._store is not None):
            more = more and self._gather(waiting)
            with self._guard("log metrics") as store:
                if store and waiting:
                    store.log_metrics(self.run_id, waiting[:_BATCH])
                    del waiting[:_BATCH]  # only what has arrived; the rest is tried again

    def _gather(self, waiting: list[Record]) -> bool:
        """Take records for a moment; False once the end was announced."""
        until = time.monotonic() + _FLUSH_SECONDS
        while len(waiting) < _BATCH and (left := until - time.monotonic()) > 0:
            try:
                record = self._records.get(timeout=left)
            except queue.Empty:
                return True
            if record is None:
                return False
            waiting.append(record)
        return True

    @contextmanager
    def _guard(self, what: str) -> Iterator[RunStore | None]:
        try:
            yield self._store
        except Exception as error:  # noqa: BLE001 - a tracking failure must never fail a training, whatever it is
            self._failures += 1
            if not self._warned:
                self._warned = True
                logger.warning("Tracking: cannot %s (%s: %s); the work goes on", what, type(error).__name__, error)
            if self._store is not None and self._failures >= _FAILURES:
                self._store = None
                logger.warning("Tracking is off after %d failures in a row", self._failures)
        else:
            self._failures = 0

    def _append(self, record: Mapping[str, Any]) -> None:
        if self._local is None:
            return
        try:
            self._local.parent.mkdir(parents=True, exist_ok=True)
            with open(self._local, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
        except OSError as error:
            logger.warning("Cannot write %s (%s); it stays as it is", self._local, error.strerror)
            self._local = None


def close_parent(uri: str, experiment: str, run_key: str, status: str = "FINISHED") -> bool:
    """End a pipeline run's parent, and as FAILED those stages that never ended theirs (they were killed).

    Returns False, after a warning at most, where there is nothing to close or the store does not answer.
    """
    key, chosen = run_key or environment.kfp_run_id(), resolve_uri(uri)
    if not key or not chosen:
        return False
    closer = Tracker(None, "", "", False, None)
    with closer._guard("close the parent run"):
        store = RunStore(chosen, experiment or DEFAULT_EXPERIMENT)
        parent = store.find_parent(key)
        if parent is None:
            return False
        for run in store.children(parent):
            if run.info.status == "RUNNING":
                store.end(run.info.run_id, "FAILED")
        store.client.set_tag(parent, CONFIRMED, "true")
        store.end(parent, status)
        return True
    return False


def _is_number(value: Any) -> bool:
    if isinstance(value, bool | str | bytes) or value is None:
        return False
    return hasattr(value, "__float__") and not hasattr(value, "__len__")


def _flatten(value: Any, prefix: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flatten(inner, f"{prefix}/{name}")
    else:
        yield prefix, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
