"""What a user gets wrong, through the `swift` command: one paragraph, a status, nothing that looks like a result."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from swift_lib.cli import main as cli
from swift_lib.core.manifest import has_manifest

GOOD = {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]}
Change = Callable[[Path], dict[str, str]]


def rows(folder: Path, *lines: object) -> dict[str, str]:
    path = folder / "bad.jsonl"
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return {"dataset": str(path)}


def without_config(folder: Path) -> dict[str, str]:
    (folder / "model/config.json").unlink()
    return {}


def without_pad_token(folder: Path) -> dict[str, str]:
    for name, change in (("tokenizer_config.json", {"pad_token": None}), ("config.json", {"model_type": "llama"})):
        file = folder / "model" / name
        file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    return {}


def foreign_folder(folder: Path) -> dict[str, str]:
    (folder / "out").mkdir()
    (folder / "out/thesis.txt").write_text("precious")
    return {}


CASES: dict[str, tuple[Change, int, str]] = {
    "missing dataset": (lambda folder: {"dataset": str(folder / "none.jsonl")}, 1, "does not exist"),
    "dataset id offline": (lambda folder: {"dataset": "no-org/no-set"}, 1, "nor to be had from the hub"),
    "no assistant turn": (
        lambda folder: rows(folder, GOOD, {"messages": GOOD["messages"][:1]}),
        1,
        "bad.jsonl:2",
    ),
    "invalid JSON": (lambda folder: rows(folder, GOOD, GOOD, "{oops"), 1, "bad.jsonl:3: invalid_json"),
    "model without config": (without_config, 1, "no config.json"),
    "model id offline": (lambda folder: {"model": "no-org/no-model"}, 1, "the hub cannot be reached"),
    "unknown template": (lambda folder: {"template": "qwne"}, 2, "--template: 'qwne'"),
    "no pad token": (without_pad_token, 1, "no pad token"),
    "unknown argument": (lambda folder: {"lora_rnk": "3"}, 2, "did you mean --lora_rank?"),
    "wrong type": (lambda folder: {"lora_rank": "three"}, 2, "--lora_rank: expected int"),
    "foreign folder": (foreign_folder, 1, "not empty"),
}

OF_ROWS = [case for case in CASES if case not in ("unknown argument", "wrong type")]


@pytest.mark.parametrize(
    ("command", "case"), [*(("sft", case) for case in CASES), *(("preprocess", case) for case in OF_ROWS)]
)
def test_it_is_one_clear_error(
    command: str, case: str, tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, status, message = CASES[case]
    shutil.copytree(tiny_model, tmp_path / "model")
    given = {"model": str(tmp_path / "model"), "output_dir": str(tmp_path / "out"), "track_uri": "none"}
    if command == "sft":
        given |= {"max_steps": "1"}
    given |= rows(tmp_path, GOOD) | change(tmp_path)
    assert cli.main([command, *(word for name, value in given.items() for word in (f"--{name}", value))]) == status
    error = [line for line in capsys.readouterr().err.splitlines() if "INFO" not in line and "WARNING" not in line]
    assert len(error) == 1 and message in error[0], error
    assert not has_manifest(tmp_path / "out") and not (tmp_path / "out/final").exists()
    if case == "foreign folder":
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]


def test_a_pad_token_can_be_given(tiny_model: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "model")
    without_pad_token(tmp_path)
    given = {"model": str(tmp_path / "model"), "output_dir": str(tmp_path / "out"), "pad_token": "eos"}
    given |= {"track_uri": "none", **rows(tmp_path, GOOD)}
    assert cli.main(["preprocess", *(word for name, value in given.items() for word in (f"--{name}", value))]) == 0
    assert has_manifest(tmp_path / "out")
