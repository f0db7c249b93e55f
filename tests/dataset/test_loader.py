"""`load_dataset` and the sources under it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import pytest

import swift_lib
from swift_lib.core.errors import DataError
from swift_lib.dataset.loader import load_dataset, open_parts
from swift_lib.dataset.sources import open_source
from swift_lib.dataset.syntax import DatasetSyntax


def _jsonl(path: Path, rows: Sequence[Any]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


def test_it_is_public() -> None:
    assert swift_lib.load_dataset is load_dataset


def test_rows_and_origins(tmp_path: Path, chat_rows: list[dict[str, Any]]) -> None:
    name = _jsonl(tmp_path / "a.jsonl", chat_rows)
    train, validation = load_dataset(name)
    assert list(train) == chat_rows and validation is None
    assert train.origins[4] == f"{name}:5" and train[2:4] == chat_rows[2:4]


def test_split_is_disjoint_and_counted(tmp_path: Path, chat_rows: list[dict[str, Any]]) -> None:
    name = _jsonl(tmp_path / "a.jsonl", chat_rows)
    train, validation = load_dataset([name], split_dataset_ratio=0.25, seed=7)
    assert validation is not None and (len(train), len(validation)) == (30, 10)
    assert not set(train.origins) & set(validation.origins)
    assert load_dataset([name], split_dataset_ratio=0.25, seed=7)[1].origins == validation.origins  # type: ignore[union-attr]


def test_sampling_golden(tmp_path: Path) -> None:
    name = _jsonl(tmp_path / "a.jsonl", [{"query": str(i), "response": "A"} for i in range(7)])

    def taken(suffix: str) -> list[int]:
        return [int(row["messages"][0]["content"]) for row in load_dataset(name + suffix)[0]]

    assert taken("#3") == [0, 1, 5]
    assert taken("#10") == [0, 1, 2, 3, 4, 5, 6, 0, 1, 5]


def test_shuffle_keeps_the_rows(chat_rows: list[dict[str, Any]]) -> None:
    train, _ = load_dataset(chat_rows, shuffle=True)
    assert list(train) != chat_rows
    assert sorted(map(str, train)) == sorted(map(str, chat_rows))


def test_a_folder_reads_its_data_files_in_order(tmp_path: Path) -> None:
    rows = [{"query": str(i), "response": "A"} for i in range(3)]
    _jsonl(tmp_path / "d" / "b.jsonl", rows[1:2])
    _jsonl(tmp_path / "d" / "a.jsonl", rows[:1])
    _jsonl(tmp_path / "d" / "sub" / "c.jsonl", rows[2:])
    (tmp_path / "d" / "README.md").write_text("words")
    train, _ = load_dataset(str(tmp_path / "d"))
    assert [row["messages"][0]["content"] for row in train] == ["0", "1", "2"]


def test_datasets_objects_and_saved_ones(tmp_path: Path, chat_rows: list[dict[str, Any]]) -> None:
    table = datasets.Dataset.from_list(chat_rows)
    assert list(load_dataset(table)[0]) == chat_rows
    table.save_to_disk(str(tmp_path / "saved"))
    assert list(load_dataset([str(tmp_path / "saved") + "#40"])[0]) == chat_rows
    assert load_dataset(chat_rows)[0].to_datasets().column_names == ["messages"]


def test_datasets_are_drawn_apart(tmp_path: Path, chat_rows: list[dict[str, Any]]) -> None:
    """Adding a dataset does not change what is taken from another one."""
    one, two = _jsonl(tmp_path / "a.jsonl", chat_rows) + "#5", _jsonl(tmp_path / "b.jsonl", chat_rows[:9]) + "#3"
    alone, both = load_dataset([two])[0], load_dataset([one, two])[0]
    assert both.origins[5:] == alone.origins


def test_further_columns_stay_unless_unused_ones_are_removed() -> None:
    rows = [{"query": "Q", "response": "A", "solution": "5", "channel": "c"}]
    assert set(load_dataset(rows)[0][0]) == {"messages", "solution", "channel"}
    assert set(load_dataset(rows, remove_unused_columns=True)[0][0]) == {"messages", "channel"}


def test_prompts_need_no_answer_unless_asked() -> None:
    rows = [{"query": "Q"}]
    assert len(load_dataset(rows)[0]) == 1
    with pytest.raises(DataError, match="no_assistant_turn"):
        load_dataset(rows, needs_answer=True)


def test_bad_rows_are_one_error_with_count_place_and_advice(tmp_path: Path, chat_rows: list[dict[str, Any]]) -> None:
    name = _jsonl(
        tmp_path / "a.jsonl", [*chat_rows[:3], "{broken", {"messages": [{"role": "developer", "content": "x"}]}]
    )
    with pytest.raises(DataError) as error:
        load_dataset(name)
    text = str(error.value)
    assert "2 of 5 rows" in text and f"{name}:4: invalid_json" in text
    assert f"{name}:5, messages[0].role: unknown_role ('developer')" in text and "--max_drop_rate" in text
    assert "\n" not in text


def test_allowed_drops_are_left_out(tmp_path: Path, chat_rows: list[dict[str, Any]]) -> None:
    name = _jsonl(tmp_path / "a.jsonl", [*chat_rows[:3], "{broken"])
    assert len(load_dataset(name, max_drop_rate=0.25)[0]) == 3
    with pytest.raises(DataError, match="1 of 4"):
        load_dataset(name, max_drop_rate=0.24)


def test_a_fault_of_a_row_that_is_not_taken_does_not_count(tmp_path: Path) -> None:
    rows = [{"query": str(i), "response": "A"} if i in (0, 1, 5) else "{" for i in range(7)]
    assert len(load_dataset(_jsonl(tmp_path / "a.jsonl", rows) + "#3")[0]) == 3


def test_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    _jsonl(tmp_path / "train.jsonl", [])
    with pytest.raises(DataError, match=r"does not exist.*train\.jsonl"):
        load_dataset(str(tmp_path / "trian.jsonl"))


@pytest.mark.parametrize(
    "name", ["no-such-dataset", "no-such-org/no-such-dataset", "no-such-org/no-such-dataset:sub#3"]
)
def test_hub_id_offline_is_one_error(name: str) -> None:
    with pytest.raises(DataError, match="neither a local file or folder nor to be had from the hub"):
        load_dataset(name)


def test_what_is_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for wrong, text in (
        (str(tmp_path / "empty"), "holds no data"),
        (_jsonl(tmp_path / "none.jsonl", []), "no rows"),
        ("ms::a/b", "ModelScope"),
        ([5], "not a sequence"),
        ([{"train": [], "test": []}], "unknown_columns"),
        ([datasets.DatasetDict({"train": datasets.Dataset.from_list([{"a": 1}])})], "splits"),
    ):
        with pytest.raises(DataError, match=text):
            load_dataset(wrong)


def test_the_digest_is_of_the_content_not_the_place(tmp_path: Path, chat_rows: list[dict[str, Any]]) -> None:
    names = [_jsonl(tmp_path / name, chat_rows) for name in ("a.jsonl", "b.jsonl")]
    names.append(_jsonl(tmp_path / "c.jsonl", [*chat_rows[:-1], chat_rows[0]]))
    digests = [part.source.digest for part in open_parts(names, ratio=0, seed=1)]
    assert digests[0] == digests[1] != digests[2]


def test_tokens_are_not_rows(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "data-00000.arrow").write_bytes(b"")
    with pytest.raises(DataError, match="--cached_dataset"):
        open_source(DatasetSyntax.parse(str(tmp_path)), tmp_path)
