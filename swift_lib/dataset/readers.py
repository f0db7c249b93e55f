"""Rows of a file, one at a time, each with where it stands: json, jsonl, csv, tsv and parquet."""

import csv
import json
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from swift_lib.core.errors import DataError
from swift_lib.core.files import sha256_file
from swift_lib.dataset.base import RowFault, SourceRow

_PARQUET_BATCH = 512
_BLANK = " \t\r\n"
_MAX_FIELD = 1 << 30


def file_format(path: Path) -> str:
    """The format by suffix, else by content (a pipeline's artifact has no suffix); DataError where neither tells."""
    suffix = path.suffix.lower().removeprefix(".")
    if suffix in READERS:
        return suffix
    if not suffix:
        with open(path, "rb") as stream:
            head = stream.read(512).lstrip()
        if head.startswith(b"PAR1"):
            return "parquet"
        if head[:1] in (b"[", b"{"):
            return "json" if head[:1] == b"[" else "jsonl"
    raise DataError(
        f"files of the kind {path.suffix or 'without suffix'!r} are not read",
        where=str(path),
        fix=f"give one of {', '.join(READERS)}",
    )


def read_file(path: Path, name: str) -> Iterator[SourceRow]:
    """The rows of a file; ``name`` is what the user called it. A row that cannot be read carries its fault."""
    return READERS[file_format(path)](path, name)


def count_file(path: Path, name: str) -> tuple[int, str]:
    """Number of rows and sha256 of a file, in one pass where the format allows it."""
    kind = file_format(path)
    if kind == "jsonl":
        digest, rows = sha256(), 0
        with open(path, "rb") as stream:
            for line in stream:
                digest.update(line)
                rows += not line.isspace()
        return rows, digest.hexdigest()
    if kind == "parquet":
        return _parquet(path, name).metadata.num_rows, sha256_file(path)
    return sum(1 for _ in read_file(path, name)), sha256_file(path)


def _read_jsonl(path: Path, name: str) -> Iterator[SourceRow]:
    with open(path, "rb") as stream:
        for number, line in enumerate(stream, 1):
            if line.isspace():
                continue
            where = f"{name}:{number}"
            try:
                yield SourceRow(where, json.loads(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line))
            except UnicodeDecodeError as error:
                yield SourceRow(where, fault=RowFault("invalid_json", "", f"not UTF-8 at byte {error.start + 1}"))
            except json.JSONDecodeError as error:
                yield SourceRow(where, fault=RowFault("invalid_json", "", f"{error.msg} at column {error.colno}"))
            except RecursionError:
                yield SourceRow(where, fault=RowFault("invalid_json", "", "nested too deeply"))


def _read_json(path: Path, name: str) -> Iterator[SourceRow]:
    """A list of objects, or objects one after another; the text is held in memory, the rows are not."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"the file is not UTF-8: {error.reason} at byte {error.start}", where=name) from error
    decode = json.JSONDecoder().raw_decode
    at, line, counted = _skip(text, 0), 1, 0
    is_list = text[at : at + 1] == "["
    at = _skip(text, at + 1) if is_list else at
    while at < len(text) and text[at] != "]":
        line, counted = line + text.count("\n", counted, at), at
        try:
            row, at = decode(text, at)
        except json.JSONDecodeError as error:
            raise DataError(
                f"invalid JSON: {error.msg}", where=f"{name}:{error.lineno}", fix="mend the file"
            ) from error
        yield SourceRow(f"{name}:{line}", row)
        at = _skip(text, at)
        if is_list and text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif is_list and text[at : at + 1] != "]":
            where = f"{name}:{line + text.count(chr(10), counted, at)}"
            raise DataError("invalid JSON: ',' or ']' is missing after a row", where=where, fix="mend the file")
    if is_list and (text[at : at + 1] != "]" or _skip(text, at + 1) < len(text)):
        where = f"{name}:{1 + text.count(chr(10), 0, at)}"
        raise DataError("invalid JSON: the list does not end where the file does", where=where, fix="mend the file")


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK:
        at += 1
    return at


def _read_table(delimiter: str) -> Callable[[Path, str], Iterator[SourceRow]]:
    def read(path: Path, name: str) -> Iterator[SourceRow]:
        csv.field_size_limit(_MAX_FIELD)
        # What is no UTF-8 becomes lone surrogates, which the check of the row reports with its line.
        with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            table = csv.reader(stream, delimiter=delimiter)
            try:
                header = next(table, [])
                begin = table.line_num + 1
                for values in table:
                    if values:
                        yield _table_row(f"{name}:{begin}", header, values)
                    begin = table.line_num + 1
            except csv.Error as error:
                raise DataError(
                    f"invalid CSV: {error}", where=f"{name}:{table.line_num}", fix="mend the file"
                ) from error

    return read


def _table_row(where: str, header: list[str], values: list[str]) -> SourceRow:
    if len(values) != len(header):
        return SourceRow(where, fault=RowFault("invalid_csv", "", f"{len(values)} fields, {len(header)} names"))
    return SourceRow(where, dict(zip(header, values, strict=True)))


def _parquet(path: Path, name: str) -> Any:
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"not a parquet file: {error}", where=name) from error


def _read_parquet(path: Path, name: str) -> Iterator[SourceRow]:
    number = 0
    for batch in _parquet(path, name).iter_batches(batch_size=_PARQUET_BATCH):
        for row in batch.to_pylist():
            number += 1
            yield SourceRow(f"{name} row {number}", row)


READERS: dict[str, Callable[[Path, str], Iterator[SourceRow]]] = {
    "jsonl": _read_jsonl,
    "json": _read_json,
    "csv": _read_table(","),
    "tsv": _read_table("\t"),
    "parquet": _read_parquet,
}
