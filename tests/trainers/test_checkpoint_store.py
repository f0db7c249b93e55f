"""Copies of checkpoints: made by a thread, complete or not there, few, and missed only at the end."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swift_lib.core import storage
from swift_lib.core.errors import StorageError
from swift_lib.core.manifest import verify, write_manifest
from swift_lib.trainers import checkpoint_store as module
from swift_lib.trainers.checkpoint_store import CheckpointStore, bring, steps_at

Upload = Callable[..., str]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WAITS", (0.01, 0.01))


@pytest.fixture()
def place(tmp_path: Path) -> str:
    return str(tmp_path / "place")


def saved(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / "out" / name
    folder.mkdir(parents=True)
    (folder / "weights").write_text(f"weights of {name}")
    write_manifest(folder, stage="checkpoint", arguments={})
    return folder


def checkpoint(tmp_path: Path, step: int) -> Path:
    return saved(tmp_path, f"checkpoint-{step}")


def until(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_put_arrives_while_the_caller_goes_on(tmp_path: Path, place: str) -> None:
    store = CheckpointStore(place)
    for step in (2, 4):
        store.put(checkpoint(tmp_path, step))
    store.finish(saved(tmp_path, "final"))
    assert steps_at(place) == {2: True, 4: True}
    assert all(verify(f"{place}/{name}") == [] for name in ("checkpoint-2", "checkpoint-4", "final"))
    assert store.failures == 0


def test_the_limit_spares_the_newest_the_best_and_what_is_not_ours(tmp_path: Path, place: str) -> None:
    storage.upload(checkpoint(tmp_path / "other", 1), f"{place}/checkpoint-1")
    store = CheckpointStore(place, 2)
    for step in (2, 3, 4, 5):
        store.put(checkpoint(tmp_path, step), 2)
        until(lambda step=step: step in store._ours)
    store.finish(saved(tmp_path, "final"))
    assert list(steps_at(place)) == [1, 2, 5]


def test_an_adopted_one_makes_way(tmp_path: Path, place: str) -> None:
    storage.upload(checkpoint(tmp_path / "earlier", 1), f"{place}/checkpoint-1")
    store = CheckpointStore(place, 1, adopted=[1])
    store.put(checkpoint(tmp_path, 2))
    store.finish(saved(tmp_path, "final"))
    assert list(steps_at(place)) == [2]


def test_a_damaged_one_goes_with_the_next_that_arrives(tmp_path: Path, place: str) -> None:
    """It counts for nothing under the limit, and one that is made anew stays."""
    for step in (1, 2, 3):
        storage.upload(checkpoint(tmp_path / "earlier", step), f"{place}/checkpoint-{step}")
    store = CheckpointStore(place, 2, adopted=[1], damaged=[2, 3])
    store.put(checkpoint(tmp_path, 2))
    until(lambda: 2 in store._ours)
    assert list(steps_at(place)) == [1, 2, 3]
    store.put(checkpoint(tmp_path, 4))
    store.finish(saved(tmp_path, "final"))
    assert list(steps_at(place)) == [2, 4]


def test_what_a_killed_copy_left_goes_with_the_next(tmp_path: Path, place: str) -> None:
    (tmp_path / "place/checkpoint-1").mkdir(parents=True)
    (tmp_path / "place/checkpoint-1/weights").write_text("half of it")
    (tmp_path / "place/.swift-checkpoint-2-abc").mkdir()
    store = CheckpointStore(place)
    store.put(checkpoint(tmp_path, 3))
    store.finish(saved(tmp_path, "final"))
    assert sorted(path.name for path in Path(place).iterdir()) == ["checkpoint-3", "final"]


class Broken:
    """An upload that fails for some names, so many times."""

    def __init__(self, times: int, *names: str) -> None:
        self.left, self.names, self.tries = times, names, 0

    def __call__(self, folder: Path, uri: str, **options: Any) -> str:
        if self.left and (not self.names or folder.name in self.names):
            self.left -= 1
            self.tries += 1
            raise StorageError("The line broke", where=uri)
        return storage.upload(folder, uri, **options)


def test_a_copy_that_fails_is_tried_again(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "upload", Broken(2))
    store = CheckpointStore(place)
    store.put(checkpoint(tmp_path, 2))
    store.finish(saved(tmp_path, "final"))
    assert steps_at(place) == {2: True} and store.failures == 0
    assert "could not" not in caplog.text


def test_a_copy_that_keeps_failing_is_told_once_and_made_up_for_at_the_end(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "upload", Broken(3))  # a try and two repetitions
    store = CheckpointStore(place)
    store.put(checkpoint(tmp_path, 2))
    until(lambda: store.failures)
    store.put(checkpoint(tmp_path, 4))
    store.finish(saved(tmp_path, "final"))
    assert steps_at(place) == {2: True, 4: True} and store.failures == 1
    told = [line for line in caplog.text.splitlines() if "could not be published" in line]
    assert len(told) == 1 and "checkpoint-2" in told[0] and "the work goes on (failure 1)" in told[0]


@pytest.mark.parametrize("name", ["checkpoint-4", "final"])
def test_the_end_fails_without_the_newest_or_the_final_weights(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(module, "upload", Broken(100, name))
    store = CheckpointStore(place)
    store.put(checkpoint(tmp_path, 2))
    until(lambda: 2 in store._ours)
    store.put(checkpoint(tmp_path, 4))
    with pytest.raises(StorageError, match=f"training is done, but {name} could not be published") as caught:
        store.finish(saved(tmp_path, "final"))
    assert "nothing is trained twice" in caught.value.fix
    assert 2 in steps_at(place)


def test_an_older_one_that_never_arrived_does_not_fail_the_end(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "upload", Broken(100, "checkpoint-2"))
    store = CheckpointStore(place)
    store.put(checkpoint(tmp_path, 2))
    until(lambda: store.failures)
    store.put(checkpoint(tmp_path, 4))
    store.finish(saved(tmp_path, "final"))
    assert list(steps_at(place)) == [4] and store.failures == 2


def test_the_newest_goes_first_and_one_that_is_copied_is_held(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, order = threading.Event(), threading.Event(), []

    def slow(folder: Path, uri: str, **options: Any) -> str:
        order.append(folder.name)
        begun.set()
        assert go_on.wait(20)
        return storage.upload(folder, uri, **options)

    monkeypatch.setattr(module, "upload", slow)
    store = CheckpointStore(place)
    folders = {step: checkpoint(tmp_path, step) for step in (1, 2, 3)}
    store.put(folders[1])
    assert begun.wait(20)
    store.put(folders[2])
    store.put(folders[3])
    assert not store.release(folders[1])
    assert store.release(folders[2]), "what has not begun gives way"
    go_on.set()
    store.finish(saved(tmp_path, "final"))
    assert order == ["checkpoint-1", "checkpoint-3", "final"]


def test_leaving_waits_no_longer_than_it_may(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A copy that hangs is left behind in its thread, which keeps no process from ending."""
    caplog.set_level("INFO")
    hang = threading.Event()
    monkeypatch.setattr(module, "upload", lambda *_args, **_options: hang.wait(60))
    store = CheckpointStore(place)
    store.put(checkpoint(tmp_path, 2))
    begin = time.monotonic()
    assert not store.leave(0.3)
    assert time.monotonic() - begin < 5
    assert "checkpoint-2 is not yet complete" in caplog.text
    assert store._thread is not None and store._thread.daemon
    hang.set()


def test_leaving_takes_the_time_it_has(tmp_path: Path, place: str) -> None:
    store = CheckpointStore(place)
    store.put(checkpoint(tmp_path, 2))
    assert store.leave(20.0) and steps_at(place) == {2: True}


def test_an_error_of_ours_in_the_thread_is_not_lost(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "upload", lambda *_args, **_options: 1 / 0)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    store = CheckpointStore(place)
    store.put(checkpoint(tmp_path, 2))
    with pytest.raises(ZeroDivisionError):
        store.finish(saved(tmp_path, "final"))


def test_a_torn_or_damaged_one_is_not_brought(tmp_path: Path, place: str) -> None:
    storage.upload(checkpoint(tmp_path, 2), f"{place}/checkpoint-2")
    assert verify(bring(place, 2, tmp_path / "next")) == []
    (tmp_path / "place/checkpoint-2/weights").write_text("something else....")
    with pytest.raises(StorageError, match="differs from its manifest"):
        bring(place, 2, tmp_path / "third")
    (tmp_path / "place/checkpoint-2/manifest.json").unlink()
    with pytest.raises(StorageError, match="not complete"):
        bring(place, 2, tmp_path / "fourth")
