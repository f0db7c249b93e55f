"""Rows of files, with where they stand."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swift_lib.core.errors import DataError
from swift_lib.dataset.readers import count_file, read_file

ROWS = [{"query": "a", "response": "b"}, {"query": "c\nd", "response": 'e, "f"'}, {"query": "", "response": "你"}]


def _write(path: Path) -> Path:
    kind = path.suffix
    if kind == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    elif kind == ".json":
        path.write_text(json.dumps(ROWS, indent=2, ensure_ascii=False))
    elif kind == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    else:
        sign = "," if kind == ".csv" else "\t"
        quoted = [[value.replace('"', '""') for value in row.values()] for row in ROWS]
        path.write_text(f"query{sign}response\n" + "".join(f'"{q}"{sign}"{r}"\n' for q, r in quoted))
    return path


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "tsv", "parquet"])
def test_every_format_gives_the_rows(tmp_path: Path, kind: str) -> None:
    path = _write(tmp_path / f"rows.{kind}")
    assert [row.data for row in read_file(path, "rows")] == ROWS
    assert count_file(path, "rows")[0] == len(ROWS)


@pytest.mark.parametrize("kind", ["jsonl", "json", "parquet"])
def test_a_file_without_suffix_is_told_by_content(tmp_path: Path, kind: str) -> None:
    path = _write(tmp_path / f"rows.{kind}").rename(tmp_path / "data")
    assert [row.data for row in read_file(path, "data")] == ROWS


@pytest.mark.parametrize(
    ("kind", "places"),
    [
        ("jsonl", ["f:1", "f:2", "f:3"]),
        ("json", ["f:2", "f:6", "f:10"]),
        ("csv", ["f:2", "f:3", "f:5"]),
        ("parquet", ["f row 1", "f row 2", "f row 3"]),
    ],
)
def test_rows_know_their_line(tmp_path: Path, kind: str, places: list[str]) -> None:
    assert [row.where for row in read_file(_write(tmp_path / f"rows.{kind}"), "f")] == places


def test_a_bad_line_is_a_fault_of_its_row(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"query": "a"}\n\n{"query": \n\xff\n' + b"[" * 100_000 + b'\n{"query": "b"}')
    rows = list(read_file(path, "a.jsonl"))
    assert [row.where for row in rows] == ["a.jsonl:1", "a.jsonl:3", "a.jsonl:4", "a.jsonl:5", "a.jsonl:6"]
    assert [row.fault.reason if row.fault else "" for row in rows] == ["", *["invalid_json"] * 3, ""]
    assert "column" in rows[1].fault.detail  # type: ignore[union-attr]
    assert count_file(path, "a.jsonl")[0] == 5


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[\n{"a": 1},\n{"a": }\n]', "a.json:3"),
        ('[\n{"a": 1}\n{"a": 2}\n]', "a.json:3"),
        ('[\n{"a": 1}\n', "a.json:"),
        ('[{"a": 1}]\nrest', "a.json:"),
        ("nothing", "a.json:1"),
    ],
)
def test_a_broken_json_file_names_the_line(tmp_path: Path, text: str, where: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=where):
        list(read_file(tmp_path / "a.json", "a.json"))


def test_json_objects_one_after_another(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": 1}\n{\n"a": 2}')
    assert [row.data for row in read_file(tmp_path / "a.json", "a")] == [{"a": 1}, {"a": 2}]


def test_csv_line_of_another_width(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("query,response\na,b\nc\n\nd,e,f\n")
    faults = [(row.where, row.fault.reason) for row in read_file(tmp_path / "a.csv", "a.csv") if row.fault]
    assert faults == [("a.csv:3", "invalid_csv"), ("a.csv:5", "invalid_csv")]


def test_byte_order_mark(tmp_path: Path) -> None:
    for name, text in {"a.jsonl": '{"q": 1}', "a.json": '[{"q": 1}]'}.items():
        (tmp_path / name).write_text(text, encoding="utf-8-sig")
        assert next(read_file(tmp_path / name, name)).data == {"q": 1}


@pytest.mark.parametrize("name", ["a.xlsx", "a"])
def test_unknown_kind(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("words")
    with pytest.raises(DataError, match="jsonl"):
        list(read_file(tmp_path / name, name))


def test_no_parquet(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("words")
    with pytest.raises(DataError, match="parquet"):
        list(read_file(tmp_path / "a.parquet", "a.parquet"))


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_rows_or_one_error(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    for kind in ("jsonl", "json", "csv", "tsv", "parquet"):
        path = folder / f"a.{kind}"
        path.write_bytes(data)
        try:
            read = list(read_file(path, "a"))
        except DataError:
            continue
        assert len(read) == count_file(path, "a")[0]
