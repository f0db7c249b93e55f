"""Several processes from one command line: torchrun on our own entry, its errors told as one paragraph.

Who starts processes: `--nproc_per_node`, else NPROC_PER_NODE and NNODES, else what Kubeflow Trainer sets (PET_...). A
process that torchrun or a job's controller started as one of several starts none: it joins (core.distributed).
"""

import json
import logging
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swift_lib.core import environment
from swift_lib.core.errors import ArgumentError, Interrupted, PeerFailed, SwiftError, WorkerFailed
from swift_lib.core.files import write_atomic

logger = logging.getLogger(__name__)

COMMANDS = ("pt", "sft", "rlhf", "infer")
_ALL_DEVICES = ("auto", "gpu")
_ROOT = Path(__file__).resolve().parents[2]
_ENDED_BY_PEER = "peer"


@dataclass(frozen=True)
class Plan:
    """How many processes are started where. A single node needs no address."""

    nproc_per_node: int
    nnodes: int = 1
    node_rank: int = 0
    master_addr: str = ""
    master_port: str = ""

    def torchrun(self, words: Sequence[str]) -> list[str]:
        """What follows `python -m torch.distributed.run` so that each process runs `swift` with these words."""
        options = ["--nproc_per_node", str(self.nproc_per_node)]
        if self.nnodes > 1:
            options += ["--nnodes", str(self.nnodes), "--node_rank", str(self.node_rank)]
            options += ["--master_addr", self.master_addr]
        else:
            options += ["--local_addr", "127.0.0.1"]  # a container's own name need not be known to anybody
        if self.master_port:
            options += ["--master_port", self.master_port]
        return [*options, "--module", "swift_lib", *words]


def plan(nproc_per_node: int | None = None, *, always: bool = False) -> Plan | None:
    """The processes to start from here; None where this process does the work itself. ArgumentError: contradictions.

    always: also a single one, for libraries that speak to their group even where it has one member.
    """
    if environment.has_local_rank():
        return None
    asked = environment.launch()
    problems: list[str] = []
    here = _processes(str(nproc_per_node or asked.nproc_per_node or 1), problems)
    if environment.has_rank() and here == 1:
        return None
    nnodes = _whole(asked.nnodes or "1", "NNODES", problems, at_least=1)
    rank = _whole(asked.node_rank or "0", "NODE_RANK", problems)
    if nnodes > 1:
        if not asked.node_rank:
            problems.append("NODE_RANK: needed with NNODES above 1: 0 on the first node, 1 on the next")
        if not asked.master_addr:
            problems.append("MASTER_ADDR: needed with NNODES above 1: the address of the first node")
        if rank >= nnodes:
            problems.append(f"NODE_RANK: {rank} is not below NNODES, which is {nnodes}")
    if problems:
        raise ArgumentError(problems)
    if here * nnodes == 1 and not always:
        return None
    port = asked.master_port or ("29500" if nnodes > 1 else "")
    return Plan(here, nnodes, rank, asked.master_addr, port)


def plan_of(flat: Mapping[str, Any]) -> Plan | None:
    """The same, of a command's flat arguments."""
    return plan(flat["nproc_per_node"], always=bool(flat.get("deepspeed") or flat.get("fsdp")))


def _processes(text: str, problems: list[str]) -> int:
    if text in _ALL_DEVICES:
        return max(1, visible_gpus())
    if text == "cpu":
        return os.cpu_count() or 1
    return _whole(text, "NPROC_PER_NODE", problems, at_least=1)


def _whole(text: str, name: str, problems: list[str], *, at_least: int = 0) -> int:
    if text.isdigit() and int(text) >= at_least:
        return int(text)
    problems.append(f"{name}: expected a whole number of at least {at_least}, got {text!r}")
    return at_least


def visible_gpus() -> int:
    """CUDA devices that this process may use."""
    import torch  # noqa: PLC0415 - asked only where a number of devices decides

    return torch.cuda.device_count()


def run_workers(started: Plan, words: Sequence[str], *, debug: bool = False) -> None:
    """Run `swift` with these words in the planned processes and wait for them.

    Raises WorkerFailed with the text and exit status of the process that failed, Interrupted after a signal, which the
    processes get as well: they have as long as TORCH_ELASTIC_SHUTDOWN_TIMEOUT says (30 s) to save and leave.
    """
    from torch.distributed import run as torchrun  # noqa: PLC0415 - only a launcher needs torch here
    from torch.distributed.elastic.multiprocessing.api import SignalException  # noqa: PLC0415
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError  # noqa: PLC0415

    if not debug:  # what went wrong is told below, once
        for name in list(logging.root.manager.loggerDict):
            if name.startswith(("torch.distributed.elastic", "torch.distributed.run")):
                logging.getLogger(name).setLevel(logging.CRITICAL)
    line = started.torchrun(words)
    logger.info("starting %s: python -m torch.distributed.run %s", _told(started), " ".join(line[: -len(words)]))
    with tempfile.TemporaryDirectory(prefix="swift-workers-") as folder:
        environment.put("SWIFT_WORKER_ERRORS", folder)
        environment.put("SWIFT_LAUNCHER_PID", str(os.getpid()))
        environment.put("PYTHONPATH", os.pathsep.join(filter(None, (str(_ROOT), environment.get("PYTHONPATH")))))
        try:
            torchrun.run(torchrun.parse_args(line))
        except SignalException as error:
            raise Interrupted(int(error.sigval)) from error
        except ChildFailedError as error:
            raise _failure(error, Path(folder)) from error


def _told(started: Plan) -> str:
    nodes = f" on each of {started.nnodes} nodes" if started.nnodes > 1 else ""
    return f"{started.nproc_per_node} processes{nodes}"


def _failure(error: Any, folder: Path) -> SwiftError:
    """What the process that failed first has to say; of one that could say nothing, how it ended."""
    told = sorted(_told_errors(folder), key=lambda entry: entry[_ENDED_BY_PEER])
    if told:
        return WorkerFailed(told[0]["text"], told[0]["exit_code"])
    rank, failure = error.get_first_failure()
    code = failure.exitcode
    if code >= 0:
        return WorkerFailed(f"Process {rank} ended with status {code}; what it wrote is above.", code)
    name = signal.Signals(-code).name
    hint = " The kernel does that where memory ran out." if name == "SIGKILL" else ""
    return WorkerFailed(f"Process {rank} was ended by {name}.{hint}", 128 - code)


def _told_errors(folder: Path) -> Iterator[Mapping[str, Any]]:
    for path in sorted(folder.glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))


def leave_error(error: SwiftError) -> bool:
    """Leave an error for the launcher that started this process; False where there is none, and it must be told here.

    Of what happened in another process nothing is told here in any case.
    """
    folder = environment.worker_errors()
    by_peer = isinstance(error, PeerFailed)
    if folder and Path(folder).is_dir():
        entry = {"text": str(error), "exit_code": error.exit_code, _ENDED_BY_PEER: by_peer}
        write_atomic(Path(folder) / f"{environment.rank():06}.json", json.dumps(entry).encode())
        return True
    return by_peer
