"""docs/refused.md: each of its commands, run on a tiny model, ends with the line that the page shows."""

import json
import re
import shlex
from pathlib import Path

import pytest
import torch

from swift_lib.cli.main import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "refused.md"
SHOWN = re.findall(r"^\$ swift (.+)\n(.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    said = [
        [{"role": "user", "content": f"say {number}"}, {"role": "assistant", "content": str(number)}]
        for number in range(8)
    ]
    file.write_text("".join(json.dumps({"messages": messages}) + "\n" for messages in said))
    return file


@pytest.mark.skipif(torch.cuda.is_available(), reason="the page is of a machine without a gpu")
@pytest.mark.parametrize(("command", "line"), SHOWN, ids=[command.split("rows.jsonl ")[1] for command, _ in SHOWN])
def test_the_command_ends_with_the_line_of_the_page(
    command: str, line: str, tiny_model: Path, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stands_in = {"Qwen/Qwen2.5-0.5B-Instruct": str(tiny_model), "rows.jsonl": str(rows)}
    words = [stands_in.get(word, word) for word in shlex.split(command)]
    status = main([*words, "--output_dir", str(tmp_path / "out"), "--track_uri", "none"])
    assert status in (1, 2)
    assert capsys.readouterr().err.strip().splitlines()[-1] == line
