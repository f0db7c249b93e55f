"""A run on this machine: KFP's SubprocessRunner or DockerRunner, and what they lack: states, times, one clear error."""

import json
import os
import signal
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

from kfp import components, local

from pipelines.compile import ROOT, documents
from pipelines.local_patches import TaskRecord, patched, pull_if_missing
from pipelines.processes import Stopped, adopt_orphans
from swift_lib.core import environment
from swift_lib.core.errors import Interrupted, PipelineError
from swift_lib.core.tracking import close_parent
from swift_lib.pipelines.finish import FAILED, SUCCEEDED, StageState, check_stages
from swift_lib.pipelines.stage import ERROR_FILE

# Seconds between SIGTERM and SIGKILL: enough to write a small checkpoint and to stop a server.
_GRACE = "20"
_DOCKER_VARIABLES = ("MLFLOW_", "AWS_", "HF_TOKEN", "S3_ENDPOINT_URL", "SWIFT_LOG_LEVEL")


@dataclass(frozen=True)
class LocalRun:
    """Where a run lies and what identifies it."""

    run_id: str
    folder: Path
    pipeline: str

    @property
    def outputs(self) -> Path:
        """The folder that holds one folder a task."""
        return self.folder / self.pipeline


def run_pipeline(package: Path, arguments: Mapping[str, Any], run: LocalRun, *, docker: bool = False) -> None:
    """Run a compiled pipeline to its end and print what became of each stage. PipelineError names one that failed."""
    spec = documents(package.read_text(encoding="utf-8"))[0]
    stages = stages_of(spec)
    images = images_of(spec)
    runner = _docker_runner(arguments, images, run.run_id) if docker else local.SubprocessRunner(use_venv=False)
    records: list[TaskRecord] = []
    environment.put("KFP_RUN_ID", run.run_id)
    environment.put("PYTHONUNBUFFERED", "1")  # otherwise a task's output arrives when it ends
    environment.put("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), environment.get("PYTHONPATH")])))
    adopt_orphans()
    try:
        with (
            _stoppable(),
            patched(records, grace=float(environment.get("SWIFT_GRACE_SECONDS", _GRACE))),
            _quiet_kfp(),
            tempfile.TemporaryDirectory() as workspace,
        ):
            local.init(
                runner=runner,
                pipeline_root=str(run.folder),
                workspace_root=workspace,
                raise_on_error=True,
            )
            components.load_component_from_file(str(package))(**arguments)
    except Stopped as stopped:
        _close(arguments, run, "KILLED")
        print(f"every process of the run is ended; go on with RUN_ID={run.run_id}", flush=True)
        raise Interrupted(stopped.signum) from None
    except RuntimeError as error:
        print(table(_states(run, stages, records)))
        raise _failure(records, run, str(error)) from None
    states = _states(run, stages, records)
    print(table(states))
    unsound = [f"{state.stage}: {', '.join(state.problems)}" for state in states if state.state != SUCCEEDED]
    if unsound:
        raise PipelineError(
            f"Every task ended well, but not every output is whole: {'; '.join(unsound)}", where=str(run.outputs)
        )
    print(f"{len(states)} of {len(states)} stages succeeded")


def _states(run: LocalRun, stages: Sequence[str], records: Sequence[TaskRecord]) -> list[StageState]:
    """What the outputs tell, and `failed` for a task that ended badly, whatever it had written."""
    ended_badly = {record.name for record in records if record.return_code != 0}
    states = check_stages(str(run.outputs), stages)
    return [replace(state, state=FAILED) if state.stage in ended_badly else state for state in states]


def stages_of(spec: Mapping[str, Any]) -> list[str]:
    """The stages of a compiled pipeline in the order in which they depend on each other, without the exit task."""
    ordered: list[str] = []

    def visit(dag: Mapping[str, Any]) -> None:
        tasks = dict(dag["tasks"])
        while tasks:
            name = next(name for name, task in tasks.items() if not set(task.get("dependentTasks", ())) & set(tasks))
            task = tasks.pop(name)
            component = spec["components"][task["componentRef"]["name"]]
            if "dag" in component:
                visit(component["dag"])
            elif task.get("triggerPolicy", {}).get("strategy") != "ALL_UPSTREAM_TASKS_COMPLETED":
                ordered.append(task["componentRef"]["name"].removeprefix("comp-"))

    visit(spec["root"]["dag"])
    return ordered


def images_of(spec: Mapping[str, Any]) -> list[str]:
    """The images that a compiled pipeline's tasks run in, each once."""
    executors = spec["deploymentSpec"]["executors"].values()
    return sorted({executor["container"]["image"] for executor in executors if "container" in executor})


def table(states: Sequence[StageState]) -> str:
    """Stage, state, seconds, output: one line a stage."""
    rows = [("stage", "state", "seconds", "output")]
    for state in states:
        seconds = "-" if state.seconds is None else f"{state.seconds:.1f}"
        rows.append((state.stage.replace("-", "_"), state.state, seconds, state.uri or "-"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    template = "  ".join(f"{{:{width}}}" for width in widths) + "  {}"
    return "\n".join(template.format(*row) for row in rows)


def _failure(records: Sequence[TaskRecord], run: LocalRun, kfp_says: str) -> PipelineError:
    """One paragraph for the first task that failed: its own error if it left one, its signal, or its last lines."""
    failed = next((record for record in records if record.return_code != 0), None)
    if failed is None:
        return PipelineError(f"KFP stopped the run: {' '.join(kfp_says.split())}", where=str(run.folder))
    stage = failed.name.replace("-", "_")
    signum = _signal_of(failed.return_code)
    own = failed.folder / ERROR_FILE
    if signum is not None:
        what = f"Stage {stage} was killed by {signum.name}"
        fix = f"if memory ran out, give it more or make batches smaller; go on with RUN_ID={run.run_id}"
    elif own.is_file():
        error = json.loads(own.read_text(encoding="utf-8"))["error"]
        return PipelineError(f"Stage {stage} failed: {error} Then go on with RUN_ID={run.run_id}")
    else:
        last = next((line.strip() for line in reversed(failed.tail) if line.strip()), "it wrote nothing")
        what = f"Stage {stage} failed with exit status {failed.return_code}: {last}"
        fix = "read its output above"
    return PipelineError(what, where=str(failed.folder), fix=fix)


def _signal_of(code: int) -> signal.Signals | None:
    """The signal behind an exit status; a shell in between reports it as 128 + number."""
    number = -code if code < 0 else code - 128
    return signal.Signals(number) if number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS) else None


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP end the run; from the second one on they are ignored while it is being ended."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def stop(signum: int, _frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(signum)

    before = {each: signal.signal(each, stop) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def _quiet_kfp() -> Iterator[None]:
    """Cluster settings have no effect here, which is meant; KFP warns of each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"kfp\..*")
        yield


def _close(arguments: Mapping[str, Any], run: LocalRun, status: str) -> None:
    """Close the tracking run where the exit task cannot: KFP itself was stopped."""
    if "track_uri" in arguments:
        key = arguments.get("track_run_key") or run.run_id
        close_parent(
            uri=arguments["track_uri"], experiment=arguments.get("track_experiment", ""), run_key=key, status=status
        )


def _docker_runner(arguments: Mapping[str, Any], images: Sequence[str], run_id: str) -> Any:
    """Containers see the run, the tree, the model cache and what the arguments name, all at their own paths."""
    try:
        from docker.types import Mount
    except ImportError:
        raise PipelineError("TARGET=docker needs the docker package", fix="pip install docker") from None
    _fetch_images(images)
    paths = [ROOT, Path.cwd(), Path(environment.get("HF_HOME", str(Path.home() / ".cache" / "huggingface")))]
    paths += [_place(path) for path in _absolute_paths(list(arguments.values()))]
    mounts = [Mount(str(path), str(path), type="bind") for path in dict.fromkeys(paths) if path.exists()]
    passed = {name: text for name, text in environment.snapshot().items() if name.startswith(_DOCKER_VARIABLES)}
    return local.DockerRunner(
        mounts=mounts,
        working_dir=str(Path.cwd()),
        user=f"{os.getuid()}:{os.getgid()}",
        shm_size="8g",  # the default of 64 MiB ends data workers
        environment={
            **passed,
            "HOME": "/tmp",
            "KFP_RUN_ID": run_id,
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(ROOT),
        },
    )


def _fetch_images(images: Sequence[str]) -> None:
    """See before the first task that an engine answers and has every image, or can pull it."""
    import docker

    try:
        client = docker.from_env()
    except docker.errors.DockerException as error:
        raise PipelineError(
            f"TARGET=docker: no container engine answers ({error})",
            fix="start Docker, or name the socket of Docker or Podman: DOCKER_HOST=unix:///path/to.sock",
        ) from None
    with closing(client):
        for image in images:
            try:
                pull_if_missing(client, image)
            except docker.errors.APIError as error:
                raise PipelineError(
                    f"TARGET=docker: the image {image} is not here and cannot be pulled ({error.explanation or error})",
                    fix="build it with `make images`, or name another in SWIFT_IMAGE_PIPELINE, _TRAIN or _VLLM",
                ) from None


def _place(path: Path) -> Path:
    """What to mount for a path: a file comes with its folder, unless that is / or /opt and would hide the image's."""
    return path.parent if path.is_file() and len(path.parent.parts) > 2 else path


def _absolute_paths(values: Sequence[Any]) -> Iterator[Path]:
    """The absolute paths among arguments that exist."""
    for value in values:
        if isinstance(value, list):
            yield from _absolute_paths(value)
        elif isinstance(value, str) and value.startswith("/") and Path(value).exists():
            yield Path(value)
