from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from swift_lib.core.manifest import read_manifest, write_manifest
from swift_lib.trainers.checkpoint import complete_checkpoints, newest_intact, prune, remove_incomplete, seal


def describe(stage: str, step: int, folder: Path, facts: Mapping[str, Any]) -> None:
    write_manifest(folder, stage=stage, arguments={}, extra={"step": step, **facts})


def checkpoint(output: Path, step: int, *, complete: bool = True) -> Path:
    folder = output / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "weights").write_text(f"weights of step {step}")
    if complete:
        seal(folder, step, describe, {"parity": step % 2})
    return folder


def names(folders: list[Path]) -> list[str]:
    return [folder.name for folder in folders]


def test_they_are_ordered_by_step_not_by_name(tmp_path: Path) -> None:
    for step in (10, 9, 100):
        checkpoint(tmp_path, step)
    assert names(complete_checkpoints(tmp_path)) == ["checkpoint-9", "checkpoint-10", "checkpoint-100"]


def test_what_has_no_manifest_does_not_count_and_goes(tmp_path: Path) -> None:
    checkpoint(tmp_path, 1)
    checkpoint(tmp_path, 2, complete=False)
    (tmp_path / "checkpoint-of-a-friend").mkdir()
    assert newest_intact(tmp_path) == tmp_path / "checkpoint-1"
    assert remove_incomplete(tmp_path) == ["checkpoint-2"]
    assert (tmp_path / "checkpoint-of-a-friend").is_dir()


def test_a_damaged_one_is_passed_over_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    checkpoint(tmp_path, 1)
    (checkpoint(tmp_path, 2) / "weights").write_text("something else")
    assert newest_intact(tmp_path) == tmp_path / "checkpoint-1"
    assert "checkpoint-2" in caplog.text
    assert remove_incomplete(tmp_path) == []


def test_the_limit_spares_the_newest_and_the_best(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        checkpoint(tmp_path, step)
    prune(tmp_path, 2, 1)
    assert names(complete_checkpoints(tmp_path)) == ["checkpoint-1", "checkpoint-4"]
    prune(tmp_path, None)
    assert len(complete_checkpoints(tmp_path)) == 2


def test_an_incomplete_one_never_takes_a_complete_ones_place(tmp_path: Path) -> None:
    checkpoint(tmp_path, 1)
    checkpoint(tmp_path, 2, complete=False)
    prune(tmp_path, 1)
    assert names(complete_checkpoints(tmp_path)) == ["checkpoint-1"]


def test_one_that_is_still_copied_is_not_deleted(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        checkpoint(tmp_path, step)
    prune(tmp_path, 1, may_delete=lambda path: path.name != "checkpoint-1")
    assert names(complete_checkpoints(tmp_path)) == ["checkpoint-1", "checkpoint-3"]


def test_the_newest_of_those_that_are_wanted(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        checkpoint(tmp_path, step)
    assert newest_intact(tmp_path, lambda manifest: manifest["parity"] == 1) == tmp_path / "checkpoint-3"
    assert newest_intact(tmp_path, lambda manifest: False) is None
    assert read_manifest(tmp_path / "checkpoint-3")["step"] == 3
