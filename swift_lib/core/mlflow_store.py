"""Runs in an MLflow store: found or made once, whoever comes first. mlflow (3 s) is imported with the first use."""

import json
import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from swift_lib.core import environment
from swift_lib.core.logs import quiet
from swift_lib.core.registry import missing_dependency

RUN_KEY = "swift.run_key"
STAGE = "swift.stage"
CONFIRMED = "swift.parent_confirmed"
PARENT = "mlflow.parentRunId"

_SETTLE_SECONDS = 0.5
_VALUE_LIMIT = 6000  # of a parameter's text
_DIGEST_LIMIT = 36
_BATCH = 100  # parameters of one request
_NAME = re.compile(r"[^\w\-. /:]")
_SQLITE = "sqlite:///"

logger = logging.getLogger(__name__)


class RunStore:
    """One experiment of one tracking server or SQLite file. Methods raise whatever mlflow raises."""

    def __init__(self, uri: str, experiment: str) -> None:
        # A server that is down must not hold a training for the minutes that mlflow's own retries take.
        environment.put_default("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        environment.put_default("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")
        environment.put_default("MLFLOW_DISABLE_TELEMETRY", "true")
        quiet("alembic", "mlflow.store.db.utils")
        try:
            from mlflow import MlflowClient  # noqa: PLC0415 - optional library, slow to import
        except ImportError as error:
            raise missing_dependency("tracking", "mlflow", "train") from error
        quiet("alembic", "mlflow.store.db.utils")  # importing mlflow sets levels of its own
        self.uri, self.experiment = uri, experiment
        with _making(uri):
            self.client = MlflowClient(tracking_uri=uri)

    @cached_property
    def experiment_id(self) -> str:
        """Id of the experiment, made if need be."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - optional library

        found = self.client.get_experiment_by_name(self.experiment)
        if found is None:
            try:
                return str(self.client.create_experiment(self.experiment, artifact_location=self._artifacts()))
            except MlflowException:  # another stage was faster
                found = self.client.get_experiment_by_name(self.experiment)
                if found is None:
                    raise
        return str(found.experiment_id)

    def _artifacts(self) -> str | None:
        """SQLite holds no artifacts, and mlflow's default for them is the current folder: put them beside the file."""
        file = _sqlite_file(self.uri)
        return None if file is None else (file.parent / "mlartifacts" / self.experiment).as_uri()

    # -- runs ------------------------------------------------------------------------------------------------------

    def find_parent(self, run_key: str) -> str | None:
        """Id of the parent run with this key; the confirmed one where a race left several."""
        runs = [run for run in self._search({RUN_KEY: run_key}) if PARENT not in run.data.tags]
        confirmed = [run for run in runs if CONFIRMED in run.data.tags]
        if confirmed:
            return str(min(confirmed, key=lambda run: (run.info.start_time, run.info.run_id)).info.run_id)
        return str(min(run.info.run_id for run in runs)) if runs else None

    def parent(self, run_key: str, name: str) -> str:
        """Id of the parent run with this key, made if need be. MLflow has no unique tags, so of several stages that
        make one at the same moment the smallest id stays, after a wait in which all have seen each other."""
        runs = [run for run in self._search({RUN_KEY: run_key}) if CONFIRMED in run.data.tags]
        if runs:
            return str(min(runs, key=lambda run: (run.info.start_time, run.info.run_id)).info.run_id)
        tags = {RUN_KEY: run_key}
        if kfp_run := environment.kfp_run_id():
            tags["kfp.run_id"] = kfp_run
        mine = str(self.client.create_run(self.experiment_id, tags=tags, run_name=name or run_key).info.run_id)
        time.sleep(_SETTLE_SECONDS)
        chosen = self.find_parent(run_key)
        assert chosen is not None
        self._confirm(chosen)
        if chosen != mine:
            self.client.delete_run(mine)
        return chosen

    def _confirm(self, run_id: str) -> None:
        """Mark a run as the parent. A store refuses the second of two stages that mark it at the same moment."""
        from mlflow.exceptions import MlflowException  # noqa: PLC0415 - optional library

        try:
            self.client.set_tag(run_id, CONFIRMED, "true")
        except MlflowException:
            if CONFIRMED not in self.client.get_run(run_id).data.tags:
                raise

    def child(self, parent: str | None, run_key: str, stage: str, name: str) -> str:
        """Id of a stage's run, opened again where a retry of the stage finds its own."""
        tags = {STAGE: stage, RUN_KEY: run_key} if run_key else {STAGE: stage}
        if parent is not None:
            tags[PARENT] = parent
            for run in self._search({PARENT: parent, STAGE: stage}):
                self.client.update_run(run.info.run_id, status="RUNNING")
                return str(run.info.run_id)
        return str(self.client.create_run(self.experiment_id, tags=tags, run_name=name).info.run_id)

    def children(self, parent: str) -> list[Any]:
        """Runs of the stages of a parent."""
        return self._search({PARENT: parent})

    def _search(self, tags: Mapping[str, str]) -> list[Any]:
        conditions = " and ".join(f"tags.`{name}` = {_quoted(value)}" for name, value in tags.items())
        return list(self.client.search_runs([self.experiment_id], conditions, max_results=1000))

    # -- records ---------------------------------------------------------------------------------------------------

    def log_params(self, run_id: str, params: Mapping[str, str]) -> list[str]:
        """Log parameters that the run has not; returns the names of those it has with another value (they never
        change)."""
        from mlflow.entities import Param  # noqa: PLC0415 - optional library

        cut = {clean_name(name): value[:_VALUE_LIMIT] for name, value in params.items()}
        known = self.client.get_run(run_id).data.params
        new = [Param(name, value) for name, value in cut.items() if name not in known]
        for start in range(0, len(new), _BATCH):
            self.client.log_batch(run_id, params=new[start : start + _BATCH])
        return [name for name, value in cut.items() if name in known and known[name] != value]

    def log_metrics(self, run_id: str, records: Sequence[tuple[str, float, int, int]]) -> None:
        """Log (name, value, milliseconds, step) records, at most 1000 at once."""
        from mlflow.entities import Metric  # noqa: PLC0415 - optional library

        self.client.log_batch(run_id, metrics=[Metric(clean_name(name), *rest) for name, *rest in records])

    def log_dataset(self, run_id: str, name: str, digest: str, rows: int | None, uri: str, context: str) -> None:
        """Attach a dataset as an input of the run."""
        from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: PLC0415 - optional library

        profile = None if rows is None else json.dumps({"num_rows": rows})
        kind = "s3" if uri.startswith("s3://") else "local"
        dataset = Dataset(name, digest[:_DIGEST_LIMIT], kind, json.dumps({"uri": uri}), profile=profile)
        tags = [InputTag("mlflow.data.context", context)]
        self.client.log_inputs(run_id, datasets=[DatasetInput(dataset, tags)])

    def log_artifact(self, run_id: str, path: Path, folder: str) -> None:
        """Copy a file, or a folder's content, to the run's artifacts."""
        log = self.client.log_artifacts if path.is_dir() else self.client.log_artifact
        log(run_id, str(path), folder or None)

    def end(self, run_id: str, status: str) -> None:
        """Set the final status: FINISHED, FAILED or KILLED."""
        self.client.set_terminated(run_id, status)


def clean_name(name: str) -> str:
    """A name that MLflow accepts for a metric or a parameter."""
    return _NAME.sub("_", name)[:250]


def _quoted(text: str) -> str:
    return f'"{text}"' if '"' not in text else f"'{text}'"


def _sqlite_file(uri: str) -> Path | None:
    return Path(uri.removeprefix(_SQLITE)).absolute() if uri.startswith(_SQLITE) else None


@contextmanager
def _making(uri: str) -> Iterator[None]:
    """The first client of a SQLite file makes its tables, which two processes must not do at once."""
    file = _sqlite_file(uri)
    if file is None:
        yield
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{file}.lock", "w", encoding="utf-8") as lock:
        try:
            import fcntl  # noqa: PLC0415 - absent on Windows

            fcntl.flock(lock, fcntl.LOCK_EX)
        except (ImportError, OSError):
            logger.debug("no file locks for %s", file)
        yield
