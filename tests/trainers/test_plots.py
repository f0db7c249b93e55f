import json
from pathlib import Path

from swift_lib.trainers.plots import curves_of, write_html, write_pngs

HISTORY = [
    {"step": 1, "loss": 3.0, "learning_rate": 1e-4, "grad_norm": 1.0},
    {"step": 2, "loss": 2.0, "learning_rate": 5e-5},
    {"step": 2, "eval_loss": 2.5},
    {"step": 2, "train_runtime": 1.0},
]


def test_curves_are_taken_from_the_history() -> None:
    assert curves_of(HISTORY) == {
        "loss": [(1, 3.0), (2, 2.0)], "learning_rate": [(1, 1e-4), (2, 5e-5)], "eval_loss": [(2, 2.5)],
    }  # fmt: skip


def test_pictures_are_pictures(tmp_path: Path) -> None:
    written = write_pngs(curves_of(HISTORY), tmp_path / "images")
    assert [path.name for path in written] == ["loss.png", "learning_rate.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)


def test_the_page_holds_its_numbers_and_needs_nothing_else(tmp_path: Path) -> None:
    write_html(curves_of(HISTORY), tmp_path / "curves.html", "A <run>")
    page = (tmp_path / "curves.html").read_text()
    assert "A &lt;run&gt;" in page and "pointermove" in page
    assert "<script src" not in page and "https://" not in page and "<link" not in page
    data = json.loads(page.split("const curves = ", 1)[1].split(";\n", 1)[0])
    assert {curve["name"] for curve in data} == {"training loss", "validation loss", "learning rate"}


def test_a_run_without_steps_has_no_pictures(tmp_path: Path) -> None:
    assert write_pngs(curves_of([]), tmp_path) == []
    write_html({}, tmp_path / "curves.html", "nothing")


def test_accuracies_get_a_picture_of_their_own(tmp_path: Path) -> None:
    history = [*HISTORY, {"step": 1, "token_acc": 0.2}, {"step": 2, "eval_token_acc": 0.3}]
    written = write_pngs(curves_of(history), tmp_path)
    assert [path.name for path in written] == ["loss.png", "token_acc.png", "learning_rate.png"]
