import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swift_lib.core import manifest
from swift_lib.core.errors import ManifestError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_text("alpha")
    (tmp_path / "sub" / "b.txt").write_text("beta")
    manifest.write_manifest(
        tmp_path,
        stage="train",
        arguments={"seed": 7, "hub_token": "abc"},
        inputs=[{"uri": "http://u:p@h/x", "digest": "d"}],
        seconds=1.23456,
        extra={"rows": 3},
    )
    return tmp_path


def test_it_says_what_and_how(folder: Path) -> None:
    content = manifest.read_manifest(folder)
    assert list(content["files"]) == ["a.txt", "sub/b.txt"]
    assert content["files"]["a.txt"]["size"] == 5
    assert (content["stage"], content["seed"], content["seconds"], content["rows"]) == ("train", 7, 1.235, 3)
    assert content["versions"]["python"] and content["created"].endswith("+00:00")


def test_secrets_do_not_reach_it(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    assert "abc" not in json.loads(text)["arguments"]["hub_token"] and "u:p@" not in text


def test_equal_content_has_an_equal_digest(folder: Path) -> None:
    first = manifest.read_manifest(folder)["digest"]
    assert manifest.write_manifest(folder, stage="other", arguments={})["digest"] == first
    (folder / "a.txt").write_text("changed")
    assert manifest.write_manifest(folder, stage="other", arguments={})["digest"] != first


def test_a_whole_folder_has_no_problems(folder: Path) -> None:
    assert manifest.verify(folder) == []
    assert manifest.check(folder)["stage"] == "train"


def test_each_kind_of_damage_is_named(folder: Path) -> None:
    (folder / "a.txt").write_text("ALPHA")
    (folder / "sub" / "b.txt").unlink()
    (folder / "new.txt").write_text("x")
    assert manifest.verify(folder) == [
        "sub/b.txt: missing",
        "new.txt: not in the manifest",
        "a.txt: content differs from the manifest's sha256",
    ]
    assert len(manifest.verify(folder, hashes=False)) == 2
    (folder / "a.txt").write_text("longer than before")
    assert "a.txt: 18 bytes instead of 5" in manifest.verify(folder)
    with pytest.raises(ManifestError, match="missing"):
        manifest.check(folder)


def test_a_list_of_files_changed_by_hand_is_noticed(folder: Path) -> None:
    content = manifest.read_manifest(folder)
    del content["files"]["a.txt"]
    (folder / "a.txt").unlink()
    (folder / "manifest.json").write_text(json.dumps(content))
    assert manifest.verify(folder) == ["manifest.json: its list of files was changed after it was written"]


def test_no_manifest_is_an_error(tmp_path: Path) -> None:
    assert not manifest.has_manifest(tmp_path)
    with pytest.raises(ManifestError, match="no manifest"):
        manifest.verify(tmp_path)


def test_the_marker_and_files_in_transit_are_not_listed(tmp_path: Path) -> None:
    (tmp_path / ".swift-in-progress").write_text("")
    assert manifest.write_manifest(tmp_path, stage="s", arguments={})["files"] == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_the_order_of_keys_does_not_change_a_hash(value: dict[str, object]) -> None:
    assert manifest.content_hash(value) == manifest.content_hash(dict(reversed(value.items())))


@given(JSON, JSON)
def test_different_values_have_different_hashes(a: object, b: object) -> None:
    same = json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    assert (manifest.content_hash(a) == manifest.content_hash(b)) == same


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, object()])
def test_what_json_cannot_hold_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        manifest.content_hash(value)
