"""The whole pipeline on this machine with a tiny model, and what happens when it is changed, killed or stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from pipelines.processes import below
from swift_lib.core.manifest import read_manifest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
STAGES = ["preprocess", "train", "merge_lora", "evaluate", "reward_sampling", "serve"]


class Workplace:
    """A folder with a tiny model, rows and parameters, in which runs are submitted."""

    def __init__(self, folder, model):
        self.folder = folder
        self.rows = folder / "rows.jsonl"
        self.write_rows(40)
        prompts = folder / "prompts.jsonl"
        prompts.write_text("".join(self.row(number) for number in range(40, 44)))
        parameters = {
            "base_model": str(model),
            "base_model_type": "qwen2",
            "data_dataset": [str(self.rows)],
            "data_split_dataset_ratio": 0.1,
            "data_cache_uri": str(folder / "cache"),
            "train_max_steps": 4,
            "train_per_device_train_batch_size": 4,
            "train_gradient_accumulation_steps": 1,
            "train_logging_steps": 1,
            "eval_dataset": [str(prompts)],
            "eval_max_new_tokens": 4,
            "reward_dataset": [str(prompts)],
            "reward_max_new_tokens": 4,
            "serve_max_tokens": 32,
            # A model of random weights may answer nothing when it is asked greedily.
            "serve_arguments": {"infer_backend": "transformers", "temperature": 1.0},
        }
        self.parameters = folder / "parameters.json"
        self.parameters.write_text(json.dumps(parameters))

    @staticmethod
    def row(number):
        messages = [
            {"role": "user", "content": f"say red {number}"},
            {"role": "assistant", "content": f"red {number}"},
        ]
        return json.dumps({"messages": messages}) + "\n"

    def write_rows(self, count):
        self.rows.write_text("".join(self.row(number) for number in range(count)))

    def submit(self, *options, words=""):
        """Start `submit`; its output goes to a file, which can be watched."""
        log = self.folder / f"log-{time.monotonic_ns()}"
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "SWIFT_GRACE_SECONDS": "10"}
        for name in ("KFP_ENDPOINT", "KF_PIPELINES_ENDPOINT", "MLFLOW_TRACKING_URI", "KFP_RUN_ID"):
            environment.pop(name, None)
        command = [sys.executable, "-m", "pipelines.submit", "--params", str(self.parameters), "--args", words]
        with open(log, "w") as stream:
            process = subprocess.Popen(
                [*command, *options], cwd=self.folder, env=environment, stdout=stream, stderr=subprocess.STDOUT
            )
        return process, log


def wait_for(log, text, process, seconds=240):
    deadline = time.monotonic() + seconds
    while text not in log.read_text():
        assert time.monotonic() < deadline, f"{text!r} did not appear"
        assert process.poll() is None, log.read_text()[-3000:]
        time.sleep(0.1)


def task_process(submit, stage, seconds=120):
    """The Python process of a stage as soon as it runs, and everything below `submit`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        family = below(submit.pid)
        for pid in family:
            command = Path(f"/proc/{pid}/cmdline")
            words = command.read_bytes().split(b"\0") if command.exists() else [b""]
            if b"python" in words[0] and stage.encode() in words:
                return pid, family
        time.sleep(0.1)
    raise AssertionError(f"no process of {stage} appeared")


def alive(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, tiny_model):
    return Workplace(tmp_path_factory.mktemp("work"), tiny_model)


@pytest.fixture(scope="module")
def finished(workplace):
    """The output of a run that went through."""
    process, log = workplace.submit("--run-id", "whole")
    code = process.wait(timeout=600)
    assert code == 0, log.read_text()[-5000:]
    return log.read_text()


def test_six_stages_succeed(finished):
    rows = finished[finished.index("stage  ") :].splitlines()[1:7]
    assert sorted(row.split()[0] for row in rows) == sorted(STAGES)
    assert {row.split()[1] for row in rows} == {"succeeded"}
    assert "6 of 6 stages succeeded" in finished


def test_one_parent_run_with_a_child_a_stage(finished, workplace):
    client = MlflowClient(f"sqlite:///{workplace.folder}/outputs/mlflow.db")
    [experiment] = [entry for entry in client.search_experiments() if entry.name == "swift"]
    runs = client.search_runs([experiment.experiment_id])
    parents = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert [run.info.status for run in parents] == ["FINISHED"]
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id]
    assert sorted(run.data.tags["swift.stage"] for run in children) == sorted(STAGES)
    assert {run.info.status for run in children} == {"FINISHED"}
    by_stage = {run.data.tags["swift.stage"]: run for run in children}
    assert by_stage["train"].data.params["hp/lora_rank"] == "8"
    assert by_stage["evaluate"].data.params["hp/max_new_tokens"] == "4"
    assert all(name.startswith("hp/") for run in children for name in run.data.params)
    for name in ("loss", "learning_rate"):
        history = client.get_metric_history(by_stage["train"].info.run_id, name)
        assert [point.step for point in history] == [1, 2, 3, 4], name


def test_tracked_datasets_are_the_ones_on_disk(finished, workplace):
    """By digest: what preprocess made is what train read, and the evaluated rows are known, too."""
    client = MlflowClient(f"sqlite:///{workplace.folder}/outputs/mlflow.db")
    [experiment] = [entry for entry in client.search_experiments() if entry.name == "swift"]
    tokens = workplace.folder / "outputs/runs/whole/sft/preprocess/tokens"
    for stage in ("preprocess", "train", "evaluate", "reward_sampling"):
        [run] = client.search_runs(
            [experiment.experiment_id], f"tags.`swift.stage` = '{stage}'", order_by=["start_time ASC"], max_results=1
        )
        tracked = {entry.dataset.name: entry.dataset.digest for entry in run.inputs.dataset_inputs}
        if stage in ("preprocess", "train"):
            assert set(tracked) == {"train", "validation"}
            for split, digest in tracked.items():
                assert read_manifest(tokens / split)["dataset"]["digest"].startswith(digest)
        else:
            assert tracked and all(len(digest) >= 16 for digest in tracked.values())


def test_same_inputs_are_reused_and_a_stop_leaves_no_process(finished, workplace):
    process, log = workplace.submit()
    wait_for(log, "REUSED", process)
    _, family = task_process(process, "train")
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 128 + signal.SIGTERM
    assert "Stopped by SIGTERM" in log.read_text()
    assert not [pid for pid in family if alive(pid)]


def test_changed_row_is_built_again_and_a_killed_stage_is_named(finished, workplace):
    workplace.write_rows(39)
    process, log = workplace.submit("--run-id", "killed", words="train_max_steps=100000")
    wait_for(log, "BUILT", process)
    pid, family = task_process(process, "train")
    os.kill(pid, signal.SIGKILL)
    assert process.wait(timeout=120) == 1
    errors = [line for line in log.read_text().splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "Stage train was killed by SIGKILL" in errors[0]
    assert not [pid for pid in family if alive(pid)]
