"""The only reader of `os.environ`; everyone else asks here by meaning."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from swift_lib.core.errors import ArgumentError

_YES = {"1", "true", "yes", "on"}
_NO = {"0", "false", "no", "off"}


def get(name: str, default: str = "") -> str:
    """Value of a variable; the default where it is unset or empty."""
    return os.environ.get(name) or default


def flag(name: str) -> bool:
    """True for 1, true, yes, on in any case."""
    return get(name).strip().lower() in _YES


def switch(name: str, default: bool) -> bool:
    """As `flag`, with a default; raises ArgumentError for a word that is neither yes nor no."""
    word = get(name).strip().lower()
    if word and word not in _YES | _NO:
        raise ArgumentError([f"{name}: the environment says {word!r}; give True or False"])
    return word in _YES if word else default


def number(name: str, default: float, *, least: float = 0.0, above: bool = False) -> float:
    """A number of at least `least` (`above`: more than that); raises ArgumentError for anything else."""
    text = get(name).strip()
    try:
        value = float(text) if text else default
    except ValueError:
        value = float("nan")
    if not (value > least if above else value >= least) or value == float("inf"):
        bound = "more than" if above else "at least"
        raise ArgumentError([f"{name}: the environment says {text!r}; give a number, {bound} {least:g}"])
    return value


def count(name: str, default: int | None) -> int | None:
    """A whole number of at least 1; "None" is the default, as the older names of such variables have it."""
    text = get(name).strip()
    if text.lower() in ("", "none"):
        return default
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentError([f"{name}: the environment says {text!r}; give a whole number, at least 1"])
    return int(text)


def put(name: str, value: str) -> None:
    """Set a variable for this process and the children it starts."""
    os.environ[name] = value


def put_default(name: str, value: str) -> None:
    """Set a variable unless the user did."""
    os.environ.setdefault(name, value)


@contextmanager
def changed(changes: Mapping[str, str]) -> Iterator[None]:
    """Other values for the time of a `with` block, for a library that reads them."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def snapshot() -> dict[str, str]:
    """A copy of the whole environment."""
    return dict(os.environ)


def child_environment(changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """Environment for a child process: ours with `changes`; None removes a variable."""
    environment = snapshot()
    for name, value in (changes or {}).items():
        if value is None:
            environment.pop(name, None)
        else:
            environment[name] = value
    return environment


def _number(name: str, default: int) -> int:
    text = get(name)
    return int(text) if text.isdigit() else default


def rank() -> int:
    """Global rank of this process; 0 outside a distributed launch."""
    return _number("RANK", 0)


def local_rank() -> int:
    """Rank within this machine."""
    return _number("LOCAL_RANK", 0)


def world_size() -> int:
    """Number of processes of a distributed launch."""
    return _number("WORLD_SIZE", 1)


class Launch(NamedTuple):
    """How many processes the environment asks for, as text; "" where it says nothing."""

    nproc_per_node: str = ""
    nnodes: str = ""
    node_rank: str = ""
    master_addr: str = ""
    master_port: str = ""


def launch() -> Launch:
    """NPROC_PER_NODE, NNODES and so on, else the names that Kubeflow Trainer sets for torchrun (PET_NPROC_PER_NODE)."""
    return Launch(*(get(name.upper()) or get(f"PET_{name.upper()}") for name in Launch._fields))


def has_rank() -> bool:
    """True where somebody started this process as one of several: torchrun, or a job's controller."""
    return get("RANK").isdigit() and get("WORLD_SIZE").isdigit()


def has_local_rank() -> bool:
    """True in a process that torchrun, or something like it, started. A job's controller gives ranks to nodes only."""
    return has_rank() and get("LOCAL_RANK").isdigit()


def local_world_size() -> int:
    """Processes on this machine."""
    return _number("LOCAL_WORLD_SIZE", 1)


def launcher_pid() -> int:
    """Our own process that started this one as one of several; 0 where it was somebody else."""
    return _number("SWIFT_LAUNCHER_PID", 0)


def worker_errors() -> str:
    """Folder in which a process that our own launcher started leaves its error, or ""."""
    return get("SWIFT_WORKER_ERRORS")


def kfp_run_id() -> str:
    """Id of the Kubeflow run that this process belongs to, or ""."""
    return get("KFP_RUN_ID")


def mlflow_tracking_uri() -> str:
    """Where runs are tracked when no argument says so."""
    return get("MLFLOW_TRACKING_URI")


def mlflow_run_id() -> str:
    """A run that somebody else opened for this process (Kubeflow's integration does), or ""."""
    return get("MLFLOW_RUN_ID")


def s3_endpoint() -> str:
    """Endpoint of an S3-compatible store, or "" for AWS itself."""
    return get("S3_ENDPOINT_URL") or get("AWS_ENDPOINT_URL_S3") or get("AWS_ENDPOINT_URL")


def s3_region() -> str:
    """Region to sign for; stores other than AWS take any."""
    return get("AWS_REGION") or get("AWS_DEFAULT_REGION") or "us-east-1"


def s3_attempts() -> int:
    """How often a request to the object store is tried, with growing waits between."""
    return max(1, _number("AWS_MAX_ATTEMPTS", 8))


def device_tflops() -> float:
    """Peak of one device in 1e12 floating-point operations a second, as the user states it; 0.0 for unknown."""
    return number("DEVICE_TFLOPS", 0.0)


def vllm_python() -> str:
    """Interpreter of the environment that holds vLLM, where it is not our own."""
    return get("SWIFT_VLLM_PYTHON", sys.executable)


def code_commit() -> str:
    """Commit that an image was built from (its Containerfile sets it), or ""."""
    return get("SWIFT_COMMIT")


def image() -> str:
    """Reference of the container image that this process runs in, or ""."""
    return get("SWIFT_IMAGE")


def cache_home() -> str:
    """Folder for what can be fetched again."""
    return get("SWIFT_CACHE") or os.path.join(get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "swift")


def root_image_dir() -> str:
    """Folder that relative paths of media count from where they are not there otherwise, or ""."""
    return get("ROOT_IMAGE_DIR")


def media_allowed_dirs() -> list[str]:
    """The only folders that media may be read from; [] for any."""
    return [folder for folder in get("SWIFT_MEDIA_ALLOWED_DIRS").split(os.pathsep) if folder]
