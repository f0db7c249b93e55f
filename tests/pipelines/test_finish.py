"""The exit task's checks."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from swift_lib.core.errors import PipelineError
from swift_lib.core.manifest import write_manifest
from swift_lib.pipelines import finish
from swift_lib.pipelines.finish import FAILED, MISSING, SUCCEEDED, run_finish, run_folder, stage_state


def output(folder, name="result"):
    folder = folder / name
    folder.mkdir(parents=True)
    (folder / "weights").write_text("abc")
    write_manifest(folder, stage="x", arguments={}, seconds=2.5)
    return folder


def values(run, state="SUCCEEDED"):
    folder = run / "finish"
    folder.mkdir(parents=True)
    report = SimpleNamespace(path=str(folder / "report"), uri=str(folder / "report"))
    return {
        "report": report,
        "status": SimpleNamespace(state=state),
        "stages": ["merge_lora", "serve"],
        "track_uri": "none",
        "track_experiment": "swift",
        "track_run_key": "",
    }


def test_whole_output_succeeded_with_its_seconds(tmp_path):
    folder = output(tmp_path / "merge-lora")
    state = stage_state(str(tmp_path), "merge_lora")
    assert (state.state, state.uri, state.seconds) == (SUCCEEDED, str(folder), 2.5)


def test_checkpoint_of_a_killed_training_is_no_output(tmp_path):
    output(tmp_path / "train" / "trained", "checkpoint-4")
    assert stage_state(str(tmp_path), "train").state == MISSING


def test_output_in_a_uuid_folder_is_found(tmp_path, monkeypatch):
    folder = output(tmp_path / "serve" / "0b0e-1")
    monkeypatch.setattr(finish, "_depth", lambda run: 2)
    assert stage_state(str(tmp_path), "serve").uri == str(folder)


def test_retried_task_needs_one_whole_output(tmp_path, monkeypatch):
    monkeypatch.setattr(finish, "_depth", lambda run: 2)
    (output(tmp_path / "serve" / "a") / "weights").unlink()
    output(tmp_path / "serve" / "b")
    assert stage_state(str(tmp_path), "serve").state == SUCCEEDED


def test_short_file_is_a_failure(tmp_path):
    (output(tmp_path / "serve") / "weights").write_text("ab")
    state = stage_state(str(tmp_path), "serve")
    assert state.state == FAILED
    assert "weights" in state.problems[0]


def test_task_that_wrote_nothing_has_no_output(tmp_path):
    assert stage_state(str(tmp_path), "serve").state == MISSING


def test_success_without_output_fails_the_run(tmp_path):
    output(tmp_path / "merge-lora")
    with pytest.raises(SystemExit) as stop:
        run_finish(values(tmp_path))
    assert "serve: no manifest.json" in str(stop.value.code)


def test_failed_run_is_reported_and_not_failed_again(tmp_path):
    output(tmp_path / "merge-lora")
    handed = values(tmp_path, state="FAILED")
    run_finish(handed)
    report = json.loads(Path(handed["report"].path).read_text())
    assert report["state"] == "FAILED"
    assert [entry["state"] for entry in report["stages"]] == [SUCCEEDED, MISSING]


@pytest.mark.parametrize(
    ("uri", "folder"),
    [
        ("/outputs/runs/r1/sft/finish/report", "/outputs/runs/r1/sft"),
        ("s3://b/kfp/sft/1234/finish/uuid/report", "s3://b/kfp/sft/1234"),
        ("minio://mlpipeline/v2/sft/1234/finish/uuid/report", "s3://mlpipeline/v2/sft/1234"),
    ],
)
def test_run_folder_is_found_from_the_exit_tasks_output(uri, folder):
    assert run_folder(uri) == folder


def test_output_outside_a_finish_folder_is_refused():
    with pytest.raises(PipelineError):
        run_folder("/somewhere/else")
