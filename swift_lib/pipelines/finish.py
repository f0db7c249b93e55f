"""The exit task: KFP calls a task that wrote nothing a success, so outputs are held against their manifests here."""

import dataclasses
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from swift_lib.core import environment, storage
from swift_lib.core.errors import PipelineError, StorageError
from swift_lib.core.manifest import MANIFEST, read_manifest, verify
from swift_lib.core.tracking import close_parent
from swift_lib.pipelines.stage import component_logging

logger = logging.getLogger(__name__)

SUCCEEDED = "succeeded"
FAILED = "failed"
MISSING = "no output"
UNCHECKED = "unchecked"


@dataclasses.dataclass(frozen=True)
class StageState:
    """What became of one stage, as its output tells."""

    stage: str
    state: str
    uri: str = ""
    seconds: float | None = None
    problems: tuple[str, ...] = ()


def run_finish(values: Mapping[str, Any]) -> None:
    """Body of the finish component: report each stage, close the tracking run, fail if a success left no output."""
    component_logging()
    report, status = values["report"], values["status"].state
    run = run_folder(report.uri)
    states = check_stages(run, values["stages"])
    text = json.dumps({"state": status, "stages": [dataclasses.asdict(state) for state in states]}, indent=2)
    Path(report.path).write_text(text + "\n", encoding="utf-8")
    missing = [state for state in states if state.state not in (SUCCEEDED, UNCHECKED)]
    close_parent(
        uri=values["track_uri"],
        experiment=values["track_experiment"],
        run_key=values["track_run_key"] or environment.kfp_run_id() or run.rsplit("/", 1)[-1],
        status="FINISHED" if status == "SUCCEEDED" and not missing else "FAILED",
    )
    for state in states:
        logger.info("%s: %s %s", state.stage, state.state, state.uri)
    if status == "SUCCEEDED" and missing:
        words = "; ".join(f"{state.stage}: {', '.join(state.problems)}" for state in missing)
        error = PipelineError(f"The tasks succeeded but left no whole output: {words}", where=run, fix="see their logs")
        sys.exit(str(error))


def check_stages(run: str, stages: Sequence[str]) -> list[StageState]:
    """The state of every stage; `unchecked` where the store cannot be reached with this process's credentials."""
    try:
        return [stage_state(run, stage) for stage in stages]
    except StorageError as error:
        logger.warning("outputs are not checked: %s", error)
        return [StageState(stage, UNCHECKED, problems=(str(error),)) for stage in stages]


def stage_state(run: str, stage: str) -> StageState:
    """The state of `stage` under the folder `run`, by names and sizes; `swift verify` compares hashes as well."""
    folder = storage.join(run, task_name(stage))
    depth, files = _depth(run), storage.list_files(folder)
    manifests = [name for name in files if name.endswith(f"/{MANIFEST}") and name.count("/") == depth]
    if not manifests:
        return StageState(stage, MISSING, problems=(f"no {MANIFEST} under {folder}",))
    # A retried task has a folder for each try; one whole output is enough.
    states = [_output_state(stage, storage.join(folder, name.rpartition("/")[0])) for name in sorted(manifests)]
    return next((state for state in states if state.state == SUCCEEDED), states[-1])


def task_name(stage: str) -> str:
    """KFP's name of the task made from the component `stage`."""
    return stage.replace("_", "-")


def run_folder(uri: str, task: str = "finish") -> str:
    """The folder of the whole run, from the URI of an output of `task` in it."""
    parts = uri.replace("minio://", "s3://", 1).split("/")
    if task not in parts:
        raise PipelineError(f"The output of {task} does not lie in a folder called {task}", where=uri)
    return "/".join(parts[: len(parts) - 1 - parts[::-1].index(task)])


def _depth(run: str) -> int:
    """How deep outputs lie below a task: KFP's launcher adds a uuid. Deeper manifests are those of checkpoints."""
    return 2 if storage.is_remote(run) else 1


def _output_state(stage: str, uri: str) -> StageState:
    problems = tuple(verify(uri, hashes=False))
    return StageState(stage, FAILED if problems else SUCCEEDED, uri, read_manifest(uri)["seconds"], problems)
