"""What `submit` adds to KFP's local runner, on a toy pipeline."""

import os
import signal
import time

import pytest

from pipelines import local
from swift_lib.pipelines.finish import StageState

BOTH = ("first", "second")


def ended(process, seconds=60):
    output, _ = process.communicate(timeout=seconds)
    return process.returncode, output


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stream:
        return stream.read().rpartition(")")[2].split()[0] != "Z"


def wait_for(path, seconds=40):
    deadline = time.monotonic() + seconds
    while not path.is_file() or not path.read_text():
        assert time.monotonic() < deadline, f"{path} did not appear"
        time.sleep(0.1)


def test_success_ends_with_a_table_of_stages(submit, tmp_path):
    code, output = ended(submit("fine", "--run-id", "r1"))
    assert code == 0, output
    assert output.splitlines()[0].startswith("target: local (neither KF_PIPELINES_ENDPOINT nor KFP_ENDPOINT is set)")
    assert f"first   succeeded  0.5      {tmp_path}/outputs/runs/r1/toy/first/result" in output
    assert "2 of 2 stages succeeded" in output


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        ("fail", "Stage second failed with exit status 1: the moon is in the way"),
        ("kill", "Stage second was killed by SIGKILL"),
        ("nothing", "second: no manifest.json under"),
        pytest.param("damage", "second: text: 14 bytes instead of 6", marks=pytest.mark.integration),
    ],
)
def test_failure_is_one_paragraph_that_names_the_stage(submit, behaviour, message):
    code, output = ended(submit(behaviour))
    assert code == 1
    errors = [line for line in output.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert message in errors[0]


def test_failure_shows_what_became_of_every_stage(submit):
    _, output = ended(submit("fail"))
    states = {words[0]: words[1] for words in map(str.split, output.splitlines()) if words and words[0] in BOTH}
    assert states == {"first": "succeeded", "second": "failed"}


@pytest.mark.integration
def test_second_try_with_the_run_id_finds_its_own_outputs(submit, tmp_path):
    assert ended(submit("kill", "--run-id", "again"))[0] == 1
    before = (tmp_path / "outputs/runs/again/toy/first/result/manifest.json").stat().st_mtime_ns
    assert ended(submit("fine", "--run-id", "again"))[0] == 0
    assert (tmp_path / "outputs/runs/again/toy/first/result/manifest.json").stat().st_mtime_ns == before


def test_child_that_outlives_its_task_neither_blocks_nor_survives(submit, tmp_path):
    started = time.monotonic()
    process = submit("leave", environment={"SWIFT_GRACE_SECONDS": "1"})
    code, output = ended(process)
    assert code == 0, output
    assert time.monotonic() - started < 50
    assert not any(alive(int(pid)) for pid in (tmp_path / "pids").read_text().split())


@pytest.mark.parametrize(
    "signum",
    [signal.SIGTERM, *(pytest.param(each, marks=pytest.mark.integration) for each in (signal.SIGINT, signal.SIGHUP))],
)
def test_signal_ends_every_process(submit, tmp_path, signum):
    process = submit("serve", environment={"SWIFT_GRACE_SECONDS": "1"})
    wait_for(tmp_path / "pids")
    pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    assert all(alive(pid) for pid in pids)
    process.send_signal(signum)
    code, output = ended(process)
    assert code == 128 + signum
    assert f"Stopped by {signum.name}" in output
    assert not any(alive(pid) for pid in pids)


def test_table_aligns_and_shows_what_is_missing():
    states = [StageState("merge-lora", "succeeded", "/x", 12.34), StageState("serve", "no output")]
    assert local.table(states).splitlines() == [
        "stage       state      seconds  output",
        "merge_lora  succeeded  12.3     /x",
        "serve       no output  -        -",
    ]
