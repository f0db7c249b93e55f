"""Results found again by their key."""

from pathlib import Path

import pytest

from swift_lib.core.manifest import write_manifest
from swift_lib.dataset.cache import ArtifactCache


@pytest.fixture()
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    (folder / "train").mkdir(parents=True)
    (folder / "train" / "data").write_text("rows")
    write_manifest(folder, stage="preprocess", arguments={})
    return folder


def test_what_is_stored_comes_back(tmp_path: Path, made: Path) -> None:
    cache = ArtifactCache(str(tmp_path / "cache"))
    assert not cache.restore("k", tmp_path / "out")
    cache.store("k", made)
    assert cache.restore("k", tmp_path / "out")
    assert (tmp_path / "out" / "train" / "data").read_text() == "rows"
    assert not cache.restore("other", tmp_path / "none") and not (tmp_path / "none").exists()


@pytest.mark.parametrize("damage", ["changed", "missing", "manifest"])
def test_a_damaged_entry_is_not_used_and_is_replaced(tmp_path: Path, made: Path, damage: str) -> None:
    cache = ArtifactCache(str(tmp_path / "cache"))
    cache.store("k", made)
    file = tmp_path / "cache" / "k" / "train" / "data"
    if damage == "changed":
        file.write_text("r0ws")
    elif damage == "missing":
        file.unlink()
    else:
        (tmp_path / "cache" / "k" / "manifest.json").write_text("{")
    assert not cache.restore("k", tmp_path / "out") and not (tmp_path / "out").exists()
    cache.store("k", made)
    assert cache.restore("k", tmp_path / "out")


def test_damage_to_an_output_does_not_reach_the_cache(tmp_path: Path, made: Path) -> None:
    cache = ArtifactCache(str(tmp_path / "cache"))
    cache.store("k", made)
    assert cache.restore("k", tmp_path / "one")
    with open(tmp_path / "one" / "train" / "data", "r+") as stream:
        stream.write("XXXX")
    assert cache.restore("k", tmp_path / "two")


def test_two_runs_may_store_one_key(tmp_path: Path, made: Path) -> None:
    for _ in range(2):
        ArtifactCache(str(tmp_path / "cache")).store("k", made)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["k"]


def test_a_cache_that_cannot_be_written_is_a_warning(
    tmp_path: Path, made: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "cache").write_text("a file")
    ArtifactCache(str(tmp_path / "cache")).store("k", made)
    assert "cannot be kept in the cache" in caplog.text
