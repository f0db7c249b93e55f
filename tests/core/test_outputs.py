import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from swift_lib.core import outputs
from swift_lib.core.errors import OutputError
from swift_lib.core.manifest import write_manifest
from swift_lib.core.outputs import claim_output, finish_output, is_in_progress


def finish(folder: Path) -> None:
    write_manifest(folder, stage="s", arguments={})
    finish_output(folder)


def test_a_new_folder_is_claimed_and_finished(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with claim_output(folder) as claim:
        assert is_in_progress(folder) and not claim.resumed
        (folder / "x").write_text("1")
        finish(folder)
    assert not is_in_progress(folder) and (folder / "manifest.json").exists()


def test_a_folder_of_somebody_else_is_refused_and_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty and not one of ours"), claim_output(tmp_path):
        pass
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_a_finished_result_is_refused(tmp_path: Path) -> None:
    with claim_output(tmp_path):
        finish(tmp_path)
    with pytest.raises(OutputError, match="holds a finished result"), claim_output(tmp_path):
        pass


def test_a_retry_goes_on_in_its_folder_and_keeps_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="boom"), claim_output(tmp_path):
        (tmp_path / "checkpoint-5").mkdir()
        raise ValueError("boom")
    with claim_output(tmp_path) as claim:
        assert claim.resumed and (tmp_path / "checkpoint-5").is_dir()


def test_an_unfinished_run_may_be_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="boom"), claim_output(tmp_path):
        (tmp_path / "x").write_text("")
        raise ValueError("boom")
    with pytest.raises(OutputError, match="unfinished run"), claim_output(tmp_path, resume_ok=False):
        pass


def test_a_manifest_left_beside_the_marker_is_withdrawn(tmp_path: Path) -> None:
    with claim_output(tmp_path):
        write_manifest(tmp_path, stage="s", arguments={})
    with claim_output(tmp_path):
        assert not (tmp_path / "manifest.json").exists()


def test_a_run_that_failed_before_writing_leaves_no_trace(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="early"), claim_output(tmp_path / "out"):
        raise ValueError("early")
    assert os.listdir(tmp_path) == []


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputError, match="is a file"), claim_output(tmp_path / "out"):
        pass


def test_finishing_without_a_manifest_is_our_bug(tmp_path: Path) -> None:
    with claim_output(tmp_path), pytest.raises(AssertionError):
        finish_output(tmp_path)


HOLD = """
import sys, time
from swift_lib.core.outputs import claim_output
with claim_output(sys.argv[1]):
    open(sys.argv[1] + "/work", "w").close()
    print("held", flush=True)
    time.sleep(60)
"""


def test_two_living_processes_cannot_share_a_folder_but_a_killed_one_frees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "_WAIT_SECONDS", 0.3)
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    try:
        with pytest.raises(OutputError, match=f'"pid": {holder.pid}'), claim_output(tmp_path):
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
    with claim_output(tmp_path) as claim:
        assert claim.resumed and (tmp_path / "work").exists()
