import subprocess
import sys
from pathlib import Path

import pytest

from swift_lib.core.errors import ArgumentError, ManifestError
from swift_lib.core.manifest import write_manifest
from swift_lib.pipelines.verify import verify_main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_text("alpha")
    write_manifest(tmp_path, stage="train", arguments={})
    return tmp_path


def test_a_whole_folder_is_ok(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = verify_main([str(folder)])
    assert (result.files, result.size, result.problems) == (1, 5, {})
    assert capsys.readouterr().out.startswith(f"OK {folder}: 1 files, 5 B, stage train")


def test_damage_is_listed_and_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.txt").write_text("ALPHA")
    with pytest.raises(ManifestError, match="1 problems found"):
        verify_main([str(folder)])
    assert "a.txt: content differs" in capsys.readouterr().out
    assert verify_main(["--quick", str(folder)]).problems == {}


@pytest.mark.parametrize("words", [[], ["--what", "x"]])
def test_bad_words_are_explained(words: list[str]) -> None:
    with pytest.raises(ArgumentError, match="usage: swift verify"):
        verify_main(words)


def test_the_command_exits_non_zero_on_damage(folder: Path) -> None:
    (folder / "a.txt").unlink()
    command = [sys.executable, "-m", "swift_lib", "verify", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 1 and "a.txt: missing" in done.stdout and "Traceback" not in done.stderr
