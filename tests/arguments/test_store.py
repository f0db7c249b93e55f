"""args.json."""

import json
from pathlib import Path

import pytest

from swift_lib.arguments import DeployArguments, EvalArguments, SftArguments, load_args, save_args
from swift_lib.core.errors import DataError


def test_reading_back_gives_an_equal_object(tmp_path: Path) -> None:
    args = SftArguments(
        model="m", dataset=["d"], learning_rate=3e-4, columns={"q": "query"}, warmup_steps=3, system="Grüß dich"
    )
    save_args(args, tmp_path)
    assert load_args(SftArguments, tmp_path) == args
    assert json.loads((tmp_path / "args.json").read_text())["lora_rank"] == 8


def test_secrets_are_not_written(tmp_path: Path) -> None:
    save_args(DeployArguments(model="m", api_key="abcdef"), tmp_path)
    assert "abcdef" not in (tmp_path / "args.json").read_text()
    assert load_args(DeployArguments, tmp_path) == DeployArguments(model="m")


@pytest.mark.parametrize("text", [None, "{", "[]", '{"command": "SftArguments"}'])
def test_a_file_that_is_not_ours(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "args.json").write_text(text)
    with pytest.raises(DataError):
        load_args(EvalArguments, tmp_path)
