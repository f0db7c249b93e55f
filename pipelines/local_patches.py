"""The only place that changes kfp, within version bounds: what its local runners do otherwise than a run needs."""

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kfp
from kfp.local import executor_input_utils, subprocess_task_handler

from pipelines.processes import Task, without_executor_lines
from swift_lib.core import environment
from swift_lib.core.errors import PipelineError

_TESTED = "2.17."


@dataclass
class TaskRecord:
    """What a runner saw of one task; KFP keeps no state and no time of it."""

    name: str
    folder: Path
    return_code: int
    tail: list[str] = field(default_factory=list)


@contextmanager
def patched(records: list[TaskRecord], *, grace: float) -> Iterator[None]:
    """Run tasks our way inside the block; `records` receives one entry a task.

    - subprocess tasks run in a session of their own and are ended with all they started;
    - Docker tasks that fail are failures (kfp removes the container before it asks, and then assumes success);
    - the folder of a run carries no time of day, so that a retry with the same run id finds its outputs again.
    """
    if not kfp.__version__.startswith(_TESTED):
        raise PipelineError(
            f"Local runs are adapted to kfp {_TESTED}x and this is kfp {kfp.__version__}",
            fix="install the pinned version: pip install 'swift-pipelines[pipelines]'",
        )

    def run_subprocess(full_command: list[str], env_vars: dict[str, str] | None = None) -> int:
        task = Task(full_command, environment.child_environment(env_vars or {}))
        code = task.run(grace)
        records.append(TaskRecord(*_task_of(full_command), code, list(task.tail)))
        return code

    def run_container(client: Any, image: str, command: list[str], volumes: dict[str, Any], **options: Any) -> int:
        from docker.errors import APIError

        try:
            code, tail = run_docker_container(client, image, command, volumes, **options)
        except APIError as error:
            raise PipelineError(f"The container engine refused {image}: {error.explanation or error}") from None
        records.append(TaskRecord(*_task_of(command), code, tail))
        return code

    patches: list[tuple[Any, str, Any]] = [
        (subprocess_task_handler, "run_local_subprocess", run_subprocess),
        (executor_input_utils, "get_local_pipeline_resource_name", lambda pipeline_name: pipeline_name),
    ]
    docker_handler = _docker_handler()
    if docker_handler is not None:
        patches.append((docker_handler, "run_docker_container", run_container))
    originals = [(module, name, getattr(module, name)) for module, name, _ in patches]
    for module, name, replacement in patches:
        setattr(module, name, replacement)
    try:
        yield
    finally:
        for module, name, original in originals:
            setattr(module, name, original)


def run_docker_container(
    client: Any, image: str, command: list[str], volumes: dict[str, Any], **options: Any
) -> tuple[int, list[str]]:
    """Run a container to its end; its exit status, asked before it is removed, and the last lines it wrote."""
    image = pull_if_missing(client, image)
    container = client.containers.run(image=image, command=command, detach=True, volumes=volumes, **options)
    tail: list[str] = []
    try:
        for line in without_executor_lines(_lines(container.logs(stream=True, follow=True))):
            print(line, end="", flush=True)
            tail = [*tail, line.rstrip("\n")][-40:]
        return int(container.wait()["StatusCode"]), tail
    finally:
        container.remove(force=True)


def pull_if_missing(client: Any, image: str) -> str:
    """The image's reference with its tag; it is pulled where the engine has none of that name."""
    if ":" not in image.rpartition("/")[2]:
        image = f"{image}:latest"
    references = [name for found in client.images.list() for name in (*found.tags, *(found.attrs["RepoDigests"] or ()))]
    if _short(image) not in map(_short, references):
        print(f"pulling {image}", flush=True)
        client.images.pull(image)
    return image


def _short(reference: str) -> str:
    """A reference as it is written by hand: engines put their default registry before it (Podman: localhost)."""
    for prefix in ("localhost/", "docker.io/", "library/"):
        reference = reference.removeprefix(prefix)
    return reference


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Whole lines of a log that arrives in pieces, which may end within a line or a character."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace") + "\n" for line in whole)
    if rest:
        yield rest.decode(errors="replace") + "\n"


def _docker_handler() -> Any:
    try:
        from kfp.local import docker_task_handler
    except ImportError:
        return None
    return docker_task_handler


def _task_of(command: list[str]) -> tuple[str, Path]:
    """A task's name and folder, from the executor input in its command."""
    for word in command:
        if "outputFile" not in word:
            continue
        try:
            folder = Path(json.loads(word)["outputs"]["outputFile"]).parent
        except (ValueError, KeyError, TypeError):
            match = re.search(r'"outputFile":\s*"([^"]+)"', word)
            if match is None:
                continue
            folder = Path(match.group(1)).parent
        return folder.name, folder
    return "task", Path()
