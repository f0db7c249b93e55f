import json
from pathlib import Path
from typing import Any

import pytest

from swift_lib.core.manifest import verify
from swift_lib.core.types import RequestConfig
from swift_lib.infer_engine import TransformersEngine
from swift_lib.pipelines.infer import converse, infer_main


@pytest.fixture(scope="module")
def engine(tiny_model: Path) -> TransformersEngine:
    return TransformersEngine(tiny_model, strict=False)


def test_batch(tiny_model: Path, tmp_path: Path, chat_rows: list[dict[str, Any]]) -> None:
    data = tmp_path / "d.jsonl"
    data.write_text("".join(json.dumps({**row, "level": i}) + "\n" for i, row in enumerate(chat_rows)))
    words = ["--model", str(tiny_model), "--val_dataset", str(data), "--output_dir", str(tmp_path / "out")]
    words += ["--max_new_tokens", "4", "--temperature", "0", "--val_dataset_sample", "7", "--write_batch_size", "3"]
    result = infer_main(words)
    assert result.result_path is not None
    rows = [json.loads(line) for line in result.result_path.read_text().splitlines()]
    assert result.rows == len(rows) == 7
    assert [row["labels"] for row in rows] == [row["messages"][-1]["content"] for row in chat_rows[:7]]
    assert [row["level"] for row in rows] == list(range(7))
    assert all(row["messages"][-1] == {"role": "assistant", "content": row["response"]} for row in rows)
    assert verify(tmp_path / "out") == []


def talk(engine: TransformersEngine, *entries: str) -> tuple[list[dict[str, Any]], str]:
    waiting = list(entries)
    written: list[str] = []

    def read(prompt: str) -> str:
        if not waiting:
            raise EOFError
        return waiting.pop(0)

    config = RequestConfig(max_tokens=3, temperature=0)
    return converse(engine, config, system="sys", read=read, write=written.append), "".join(written)


def test_conversation(engine: TransformersEngine) -> None:
    history, shown = talk(engine, "hello", "", "again", "quit", "never")
    assert [message["role"] for message in history] == ["system", "user", "assistant", "user", "assistant"]
    assert history[2]["content"] in shown


def test_conversation_commands(engine: TransformersEngine) -> None:
    history, _ = talk(engine, "hello", "clear", "multi-line", "two", "lines#", "single-line#")
    assert [message["content"] for message in history[:2]] == ["sys", "two\nlines"]
    assert talk(engine, "hello", "reset-system", "new one")[0] == [{"role": "system", "content": "new one"}]


def test_an_error_does_not_end_the_conversation(engine: TransformersEngine) -> None:
    history, shown = talk(engine, "x" * 900, "hello")
    assert "Input length" in shown
    assert [message["content"] for message in history[:2]] == ["sys", "hello"]
