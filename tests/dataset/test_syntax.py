"""Dataset strings, against what another implementation answered and where we differ on purpose."""

import json
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_lib.core.errors import DataError, SwiftError
from swift_lib.dataset.syntax import DatasetSyntax

# Golden strings that are refused here: nothing is guessed from a hub that does not exist or from a web address.
REFUSED = {"a/b#", "xx::a/b", "https://x.y/z.jsonl"}


@pytest.fixture()
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.jsonl", "c#d.jsonl"):
        (tmp_path / name).write_text("{}\n")
    (tmp_path / "dir").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_golden(files: Path, shared: Path) -> None:
    for text, expected in json.loads((shared / "golden" / "dataset_syntax.json").read_text()):
        if text in REFUSED:
            with pytest.raises(SwiftError):
                DatasetSyntax.parse(text)
            continue
        spec = DatasetSyntax.parse(text)
        assert (spec.dataset, list(spec.subsets), spec.dataset_sample, spec.use_hf, spec.dataset_type) == (
            expected["dataset"], expected["subsets"], expected["dataset_sample"], expected["use_hf"], expected["type"]
        ), text  # fmt: skip


@pytest.mark.parametrize(
    ("text", "dataset", "sample"),
    [
        ("s3://bucket/a/rows.jsonl", "s3://bucket/a/rows.jsonl", None),
        ("s3://bucket/rows.jsonl#20", "s3://bucket/rows.jsonl", 20),
        ("s3://bucket/rows#final.jsonl", "s3://bucket/rows#final.jsonl", None),
    ],
)
def test_uris(text: str, dataset: str, sample: int | None) -> None:
    spec = DatasetSyntax.parse(text)
    assert (spec.dataset, spec.dataset_sample) == (dataset, sample)


@pytest.mark.parametrize("text", ["", "  ", "a/b#0", "a/b#-1", "a/b#x", "s3://b/x#0"])
def test_refused(text: str) -> None:
    with pytest.raises(DataError):
        DatasetSyntax.parse(text)


def test_file_uri(files: Path) -> None:
    assert DatasetSyntax.parse(f"file://{files}/a.jsonl#3") == DatasetSyntax(f"{files}/a.jsonl", dataset_sample=3)


_names = st.text(string.ascii_letters + "-_.", min_size=1, max_size=8)


@given(
    org=_names, name=_names, subsets=st.lists(_names, max_size=3), sample=st.none() | st.integers(1, 10**6),
    hub=st.sampled_from([None, "hf", "HF", "ms"]),
)  # fmt: skip
def test_hub_ids_round_trip(org: str, name: str, subsets: list[str], sample: int | None, hub: str | None) -> None:
    text = f"{hub + '::' if hub else ''}{org}-x/{name}-y{':' + '/'.join(subsets) if subsets else ''}"
    text += f"#{sample}" if sample else ""
    spec = DatasetSyntax.parse(text)
    use_hf = None if hub is None else hub.lower() == "hf"
    assert spec == DatasetSyntax(f"{org}-x/{name}-y", tuple(subsets), sample, use_hf)
