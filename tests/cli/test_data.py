"""`swift data show`."""

from pathlib import Path

import pytest

from swift_lib.cli.main import main
from swift_lib.dataset.artifact import ArtifactWriter


@pytest.fixture()
def dataset(tmp_path: Path) -> Path:
    writer = ArtifactWriter(tmp_path / "train")
    writer.add(7, [1, 2, 3, 4], [(1, 3, 1.0), (3, 4, 0.5)])
    writer.close()
    return tmp_path


def test_counts_and_rows_with_what_is_trained(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "show", str(dataset)]) == 0
    shown = capsys.readouterr().out
    assert "rows 1, tokens 4, trained_tokens 3" in shown
    assert "row 0 (input row 7, 4 tokens)\n  [1][[[2, 3]]][][[[4]]] weight 0.5[]\n" in shown


def test_rows_as_text(dataset: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "show", str(dataset), "--model", str(tiny_model)]) == 0
    assert "]] weight 0.5" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["show"], ["list", "x"], ["show", "x", "--rows", "few"]])
def test_words_it_does_not_know(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", *words]) == 2
    assert "swift data show" in capsys.readouterr().err or "few" in str(words)
