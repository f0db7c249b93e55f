"""Checkpoints on an object store that fails: training goes on, nothing torn is believed, the next machine goes on."""

import importlib.util
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from swift_lib.core import s3, storage
from swift_lib.core.errors import StorageError
from swift_lib.core.manifest import has_manifest, sha256_file, verify
from swift_lib.pipelines.sft import sft_main
from swift_lib.trainers import checkpoint_store
from swift_lib.trainers.base import BaseTrainer
from swift_lib.trainers.checkpoint import complete_checkpoints
from swift_lib.trainers.checkpoint_store import steps_at

pytestmark = pytest.mark.integration


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


processes, faulty_store = _beside("processes"), _beside("faulty_store")


@pytest.fixture()
def store(bucket: str, endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The test's store, behind something that may fail; requests are tried once, copies three times at once."""
    faulty = faulty_store.FaultyStore(endpoint)
    monkeypatch.setenv("S3_ENDPOINT_URL", faulty.url)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(checkpoint_store, "_WAITS", (0.05, 0.05))
    s3._client.cache_clear()
    yield faulty
    monkeypatch.setenv("S3_ENDPOINT_URL", endpoint)
    s3._client.cache_clear()
    faulty.close()


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    line = '{{"messages": [{{"role": "user", "content": "say {0}"}}, {{"role": "assistant", "content": "{0}"}}]}}\n'
    path.write_text("".join(line.format(at) for at in range(24)))
    return path


@pytest.fixture(scope="module")
def flags(tiny_model: Path, rows: Path) -> Any:
    def make(output: Path, uri: str, **more: Any) -> dict[str, Any]:
        return {
            "model": str(tiny_model), "dataset": [str(rows)], "output_dir": str(output), "checkpoint_uri": uri,
            "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "max_steps": 8, "save_steps": 2,
            "logging_steps": 3, "learning_rate": 3e-3, "lora_dropout": 0.1, "gradient_checkpointing": False,
            "track_uri": "none", **more,
        }  # fmt: skip

    return make


@pytest.fixture(scope="module")
def whole(flags: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """sha256 of the adapter of a run without a store."""
    return adapter(sft_main(flags(tmp_path_factory.mktemp("whole") / "out", "")).final)


def adapter(folder: str | Path) -> str:
    return sha256_file(Path(folder) / "adapter_model.safetensors")


def test_copies_that_keep_failing_are_told_and_counted_and_training_goes_on(
    store: Any, bucket: str, whole: str, flags: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    uri = f"s3://{bucket}/run"
    store.rule = lambda method, path: 503 if method == "PUT" and "/checkpoint-4/" in path else None
    result = sft_main(flags(tmp_path / "out", uri))
    assert adapter(result.final) == whole
    assert result.metrics["failed_uploads"] == 2, "once while it trained, once at the end"
    told = [record.getMessage() for record in caplog.records if "could not be published" in record.getMessage()]
    assert len(told) == 2 and all("checkpoint-4" in line for line in told)
    assert [step for step, complete in steps_at(uri).items() if complete] == [2, 6, 8]
    assert all(verify(f"{uri}/{name}") == [] for name in ("checkpoint-2", "checkpoint-6", "checkpoint-8", "final"))


def test_a_put_that_breaks_off_in_the_middle_is_made_up_for(
    store: Any, bucket: str, whole: str, flags: Any, tmp_path: Path
) -> None:
    uri, seen = f"s3://{bucket}/run", set()

    def cut_once(method: str, path: str) -> str | None:
        if method == "PUT" and path.split("?")[0].endswith(("optimizer.pt", "manifest.json")) and path not in seen:
            seen.add(path)
            return "cut"
        return None

    store.rule = cut_once
    result = sft_main(flags(tmp_path / "out", uri, save_steps=4))
    assert store.broken == 5, "two files of each checkpoint, one of final"
    assert result.metrics["failed_uploads"] == 0 and adapter(result.final) == whole
    assert all(verify(f"{uri}/{name}") == [] for name in ("checkpoint-4", "checkpoint-8", "final"))


def test_a_stage_whose_last_checkpoint_is_not_published_fails_and_only_publishes_when_run_again(
    store: Any, bucket: str, whole: str, flags: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri, arguments = f"s3://{bucket}/run", flags(tmp_path / "out", f"s3://{bucket}/run")
    store.rule = lambda method, path: 500 if method == "PUT" else None
    with pytest.raises(StorageError, match="training is done, but checkpoint-8 could not be published"):
        sft_main(arguments)
    assert steps_at(uri) == {} and not has_manifest(tmp_path / "out")
    assert [path.name for path in complete_checkpoints(tmp_path / "out")][-1] == "checkpoint-8"
    store.rule = lambda method, path: None
    monkeypatch.setattr(BaseTrainer, "training_step", lambda *_args, **_kwargs: pytest.fail("trained again"))
    result = sft_main(arguments)
    assert adapter(result.final) == whole and result.metrics["steps"] == 8
    assert verify(f"{uri}/checkpoint-8") == [] and verify(f"{uri}/final") == [] and has_manifest(tmp_path / "out")


def test_torn_and_damaged_copies_are_named_and_passed_over(
    store: Any, bucket: str, whole: str, flags: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The manifest of the newest never arrived, a file of the one before was damaged since."""
    uri = f"s3://{bucket}/run"
    store.rule = lambda method, path: 503 if method == "PUT" and path.endswith("checkpoint-8/manifest.json") else None
    with pytest.raises(StorageError, match="checkpoint-8 could not be published"):
        sft_main(flags(tmp_path / "first", uri))
    assert steps_at(uri) == {2: True, 4: True, 6: True, 8: False}
    store.rule = lambda method, path: None
    storage.write_bytes(f"{uri}/checkpoint-6/optimizer.pt", b"damaged")
    caplog.clear()
    caplog.set_level("INFO")
    assert adapter(sft_main(flags(tmp_path / "second", uri, save_total_limit=2)).final) == whole
    passed = [record.getMessage() for record in caplog.records if "passing over" in record.getMessage()]
    assert len(passed) == 2 and "checkpoint-8" in passed[0] and "checkpoint-6" in passed[1]
    assert f"going on from {tmp_path / 'second' / 'checkpoint-4'}" in caplog.text
    assert steps_at(uri) == {6: True, 8: True}
    assert verify(f"{uri}/checkpoint-6") == [] and verify(f"{uri}/checkpoint-8") == []


def test_a_killed_machines_run_is_gone_on_with_by_the_next(bucket: str, whole: str, flags: Any, tmp_path: Path) -> None:
    """SIGKILL while it trains; the next one has an empty folder and the same command line but for its name."""
    uri = f"s3://{bucket}/run"
    arguments = flags(tmp_path / "first", uri, save_total_limit=2, max_steps=8)
    with processes.swift("sft", arguments, tmp_path / "log") as running:
        running.until(lambda _: any(steps_at(uri).values()))
        running.process.send_signal(signal.SIGKILL)
        running.end()
    assert not storage.exists(f"{uri}/final/manifest.json")
    result = sft_main({**arguments, "output_dir": str(tmp_path / "second")})
    assert adapter(result.final) == whole
    assert list(steps_at(uri)) == [6, 8] and verify(f"{uri}/final") == []
    assert [path.name for path in complete_checkpoints(tmp_path / "second")][-1] == "checkpoint-8"


def test_sigterm_while_the_store_hangs(store: Any, bucket: str, whole: str, flags: Any, tmp_path: Path) -> None:
    """A request without an answer keeps no process from leaving."""
    store.rule = lambda method, path: "hang" if method == "PUT" else None
    arguments = flags(tmp_path / "out", f"s3://{bucket}/run", max_steps=100_000)
    with processes.swift("sft", arguments, tmp_path / "log") as running:
        running.until(lambda _: store.broken > 0)
        at = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        ended = running.end()
        seconds = time.monotonic() - at
    assert ended.status == 128 + signal.SIGTERM and "is not yet complete at s3://" in ended.text, ended.text
    assert seconds < processes.patience(10.0), f"{seconds:.1f} s:\n{ended.text}"
