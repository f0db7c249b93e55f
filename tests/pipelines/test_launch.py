"""Which processes a command line starts, decided from arguments and environment; nothing is started here."""

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from swift_lib.core.errors import ArgumentError, DataError, PeerFailed
from swift_lib.pipelines import launch
from swift_lib.pipelines.launch import Plan, plan

NAMES = ("NPROC_PER_NODE", "NNODES", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, *(f"PET_{name}" for name in NAMES), "RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)


def set_all(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def test_nothing_is_started_where_nobody_asks() -> None:
    assert plan() is None
    assert plan(1) is None


def test_the_argument_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPROC_PER_NODE", "4")
    assert plan() == Plan(4)
    assert plan(2) == Plan(2)
    assert plan(1) is None


def test_one_node_needs_no_address() -> None:
    assert Plan(2).torchrun(["sft", "--model", "m"]) == [
        "--nproc_per_node", "2", "--local_addr", "127.0.0.1", "--module", "swift_lib", "sft", "--model", "m",
    ]  # fmt: skip


@pytest.mark.parametrize("prefix", ["", "PET_"])
def test_nodes_by_the_documented_names_or_by_those_of_kubeflow_trainer(
    prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = {"NPROC_PER_NODE": "8", "NNODES": "2", "NODE_RANK": "1", "MASTER_ADDR": "node-0", "MASTER_PORT": "29400"}
    set_all(monkeypatch, **{prefix + name: value for name, value in values.items()})
    found = plan()
    assert found == Plan(8, 2, 1, "node-0", "29400")
    assert found.torchrun(["pt"])[:-3] == [
        "--nproc_per_node", "8", "--nnodes", "2", "--node_rank", "1",
        "--master_addr", "node-0", "--master_port", "29400",
    ]  # fmt: skip


def test_one_process_on_each_of_two_nodes_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, NNODES="2", NODE_RANK="0", MASTER_ADDR="node-0")
    assert plan() == Plan(1, 2, 0, "node-0", "29500")


def test_contradictions_are_told_together(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, NNODES="2", NPROC_PER_NODE="two")
    with pytest.raises(ArgumentError) as caught:
        plan()
    assert [line.partition(":")[0] for line in caught.value.problems] == ["NPROC_PER_NODE", "NODE_RANK", "MASTER_ADDR"]


def test_elastic_sizes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, PET_NNODES="1:4", PET_NPROC_PER_NODE="2")
    with pytest.raises(ArgumentError, match="NNODES: expected a whole number"):
        plan()


@pytest.mark.parametrize("word", ["auto", "gpu"])
def test_auto_is_a_process_for_each_gpu(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PET_NPROC_PER_NODE", word)
    monkeypatch.setattr(launch, "visible_gpus", lambda: 8)
    assert plan() == Plan(8)
    monkeypatch.setattr(launch, "visible_gpus", lambda: 0)
    assert plan() is None


def test_a_process_of_torchrun_joins(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, RANK="1", WORLD_SIZE="2", LOCAL_RANK="1", NPROC_PER_NODE="2")
    assert plan() is None
    assert plan(2) is None


def test_a_pod_of_a_job_with_one_process_a_node_joins(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorchJob gives each pod a rank, and no rank within the pod."""
    set_all(monkeypatch, RANK="1", WORLD_SIZE="2", MASTER_ADDR="job-master-0", MASTER_PORT="23456")
    assert plan() is None


def test_a_pod_of_a_job_with_several_processes_a_node_starts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, RANK="1", WORLD_SIZE="4", MASTER_ADDR="job-master-0", MASTER_PORT="23456")
    set_all(monkeypatch, PET_NPROC_PER_NODE="2", PET_NNODES="2", PET_NODE_RANK="1")
    assert plan() == Plan(2, 2, 1, "job-master-0", "23456")


def test_an_error_is_left_for_our_own_launcher_and_told_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error, echo = DataError("no rows"), PeerFailed(0, "no rows.", 1)
    monkeypatch.delenv("SWIFT_WORKER_ERRORS", raising=False)
    assert not launch.leave_error(error)
    assert launch.leave_error(echo)  # the process that failed tells it
    monkeypatch.setenv("SWIFT_WORKER_ERRORS", str(tmp_path))
    monkeypatch.setenv("RANK", "1")
    assert launch.leave_error(error)
    assert json.loads((tmp_path / "000001.json").read_text()) == {"text": "no rows.", "exit_code": 1, "peer": False}


def failures(exitcode: int) -> Any:
    return SimpleNamespace(get_first_failure=lambda: (1, SimpleNamespace(exitcode=exitcode)))


def test_the_error_of_the_process_that_failed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWIFT_WORKER_ERRORS", str(tmp_path))
    for rank, error in (("0", PeerFailed(1, "memory ran out.", 1)), ("1", ArgumentError(["--lr: too big"]))):
        monkeypatch.setenv("RANK", rank)
        launch.leave_error(error)
    told = launch._failure(failures(1), tmp_path)
    assert (str(told), told.exit_code) == ("--lr: too big", 2)


@pytest.mark.parametrize(
    ("exitcode", "text", "status"),
    [(-9, "Process 1 was ended by SIGKILL. The kernel does that where memory ran out.", 137), (3, "status 3", 3)],
)
def test_a_process_that_could_tell_nothing(exitcode: int, text: str, status: int, tmp_path: Path) -> None:
    told = launch._failure(failures(exitcode), tmp_path)
    assert text in str(told) and told.exit_code == status


def test_only_these_commands_start_processes() -> None:
    assert launch.COMMANDS == ("pt", "sft", "rlhf", "infer")
    assert os.cpu_count() == launch._processes("cpu", [])
