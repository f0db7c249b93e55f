import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from swift_lib.core import storage
from swift_lib.core.errors import ManifestError, StorageError
from swift_lib.core.manifest import write_manifest


def make(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    write_manifest(folder, stage="test", arguments={})
    return folder


@pytest.mark.parametrize(
    ("uri", "remote"),
    [("s3://b/k", True), ("/a/b", False), ("rel/x", False), ("file:///a", False), ("odd/name://x", False)],
)
def test_which_uris_are_remote(uri: str, remote: bool) -> None:
    assert storage.is_remote(uri) is remote


@pytest.mark.parametrize("uri", ["gs://b/k", "https://h/x", "hf://model"])
def test_other_schemes_are_refused(uri: str) -> None:
    with pytest.raises(StorageError, match="No storage for"):
        storage.is_remote(uri)


def test_file_uris_are_local_paths() -> None:
    assert storage.local_path("file:///a/b%20c") == Path("/a/b c")


@pytest.mark.parametrize(
    ("parts", "joined"),
    [(("s3://b", "x"), "s3://b/x"), (("s3://b/k/", "x", "y"), "s3://b/k/x/y"), (("/", "x"), "/x"), (("a", "b"), "a/b")],
)
def test_join(parts: tuple[str, ...], joined: str) -> None:
    assert storage.join(*parts) == joined


def test_download_is_whole_and_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make(tmp_path / "a", one="1", two="22", deep__three="333")
    dest = tmp_path / "b"
    fetched: list[str] = []
    really_get: Callable[..., None] = storage._get

    def get(uri: str, path: Path, digest: str = "") -> None:
        if path.name == "two" and not fetched.count("broke"):
            fetched.append("broke")
            raise StorageError("the line broke")
        fetched.append(path.name)
        really_get(uri, path, digest)

    monkeypatch.setattr(storage, "_get", get)
    monkeypatch.setattr(storage, "_WORKERS", 1)
    with pytest.raises(StorageError, match="the line broke"):
        storage.download(str(source), dest)
    assert not (dest / "manifest.json").exists()
    done = set(fetched)
    fetched[:] = ["broke"]
    storage.download(str(source), dest)
    assert done.isdisjoint(set(fetched) - {"broke"})
    assert storage.list_files(str(dest)) == storage.list_files(str(source))


def test_download_refuses_other_content_than_the_manifest_says(tmp_path: Path) -> None:
    source = make(tmp_path / "a", one="1")
    (source / "one").write_text("2")
    with pytest.raises(StorageError, match="differs from its manifest"):
        storage.download(str(source), tmp_path / "b")
    assert not (tmp_path / "b" / "one").exists() and not (tmp_path / "b" / "manifest.json").exists()


def test_download_mends_a_damaged_copy(tmp_path: Path) -> None:
    source = make(tmp_path / "a", one="1", two="2")
    storage.download(str(source), tmp_path / "b")
    (tmp_path / "b" / "one").write_text("x")
    storage.download(str(source), tmp_path / "b")
    assert (tmp_path / "b" / "one").read_text() == "1"


def test_a_missing_file_of_the_manifest_is_an_error(tmp_path: Path) -> None:
    source = make(tmp_path / "a", one="1", two="2")
    (source / "two").unlink()
    with pytest.raises(StorageError, match="missing"):
        storage.download(str(source), tmp_path / "b")


def test_an_incomplete_folder_may_be_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("1")
    assert (storage.download(str(tmp_path / "a"), tmp_path / "b") / "x").exists()
    with pytest.raises(StorageError, match="not complete"):
        storage.download(str(tmp_path / "a"), tmp_path / "c", require_manifest=True)


def test_nothing_to_download_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nothing to download"):
        storage.download(str(tmp_path / "none"), tmp_path / "b")


def test_upload_publishes_and_replaces(tmp_path: Path) -> None:
    dest = tmp_path / "pub" / "x"
    storage.upload(make(tmp_path / "a", one="1"), str(dest))
    storage.upload(make(tmp_path / "b", two="2"), f"file://{dest}")
    assert list(storage.list_files(str(dest))) == ["manifest.json", "two"]
    assert os.listdir(dest.parent) == ["x"]


def test_upload_wants_a_manifest(tmp_path: Path) -> None:
    tmp_path.joinpath("x").write_text("1")
    with pytest.raises(StorageError, match=r"no manifest\.json"):
        storage.upload(tmp_path, str(tmp_path.parent / "y"))


def test_publish_keeps_whoever_was_faster(tmp_path: Path) -> None:
    first, second = make(tmp_path / "a", one="1"), make(tmp_path / "b", one="2")
    dest = tmp_path / "dest"
    assert storage.publish(first, dest) is True
    assert storage.publish(second, dest) is False
    assert (dest / "one").read_text() == "1" and not second.exists()


def test_fetch_gives_a_local_path_itself(tmp_path: Path) -> None:
    assert storage.fetch(str(tmp_path), tmp_path / "cache") == tmp_path
    with pytest.raises(StorageError, match="no such file"):
        storage.fetch(str(tmp_path / "none"), tmp_path / "cache")


def test_delete_takes_folders_and_files_but_no_home(tmp_path: Path) -> None:
    folder = make(tmp_path / "a", one="1")
    storage.delete(str(folder / "one"))
    storage.delete(str(folder))
    storage.delete(str(tmp_path / "none"))
    assert not folder.exists()
    for place in ("/", "~"):
        with pytest.raises(StorageError, match="not deleted"):
            storage.delete(place)


def test_streams_and_bytes(tmp_path: Path) -> None:
    uri = str(tmp_path / "deep" / "x.txt")
    storage.write_bytes(uri, "añb".encode())
    assert storage.read_text(uri) == "añb"
    with storage.open_stream(uri) as stream:
        stream.seek(1)
        assert stream.read(2) == "ñ".encode()
    assert storage.list_files(uri) == {"x.txt": 4}
    for read in (storage.read_bytes, storage.open_stream):
        with pytest.raises(StorageError, match="Cannot read"):
            read(str(tmp_path / "none"))
    storage.write_bytes(uri, b"\xff")
    with pytest.raises(StorageError, match="UTF-8"):
        storage.read_text(uri)


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", ""])
def test_a_manifest_may_not_lead_outside(name: str) -> None:
    data = f'{{"files": {{"{name}": {{"size": 1, "sha256": "x"}}}}}}'.encode()
    with pytest.raises(StorageError, match="outside its folder"):
        storage.parse_manifest(data, "here")


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"files": 3}', b'{"files": {"a": 1}}', b"\xff", b'{"files": {"a": {}}}']
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(ManifestError):
        storage.parse_manifest(data, "here")


PART = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda name: name not in (".", "..") and not name.startswith(".swift-") and len(name.encode()) < 200
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(PART, min_size=1, max_size=3), max_size=6))
def test_any_tree_is_listed_and_copied_as_it_is(tmp_path: Path, paths: list[list[str]]) -> None:
    number = len(os.listdir(tmp_path))
    source, dest = tmp_path / str(number), tmp_path / f"{number}-copy"
    source.mkdir()
    made = {}
    for index, parts in enumerate(paths):
        path = source.joinpath(*parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"x" * index)
        except OSError:  # a file where a folder should be
            continue
        made["/".join(parts)] = index
    assert storage.list_files(str(source)) == dict(sorted(made.items()))
    write_manifest(source, stage="s", arguments={})
    storage.download(str(source), dest)
    assert storage.list_files(str(dest)) == storage.list_files(str(source))
