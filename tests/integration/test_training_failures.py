"""Training in a process of its own, and what a real kill, a real full disk and real lack of memory leave behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from swift_lib.core.manifest import has_manifest, sha256_file, verify
from swift_lib.core.outputs import IN_PROGRESS
from swift_lib.trainers.checkpoint import complete_checkpoints

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
START_SECONDS = 180.0


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    messages = [{"role": "user", "content": "say red"}, {"role": "assistant", "content": "red"}]
    path.write_text((json.dumps({"messages": messages}) + "\n") * 64)
    return path


def command(model: Path, rows: Path, output: Path, **more: Any) -> list[str]:
    flags = {
        "model": model, "dataset": rows, "output_dir": output, "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 1, "max_steps": 12, "save_steps": 2, "logging_steps": 1,
        "learning_rate": 1e-3, "gradient_checkpointing": "false", "track_uri": "none", **more,
    }  # fmt: skip
    words = [word for name, value in flags.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-m", "swift_lib", "sft", *words]


def environment() -> dict[str, str]:
    # One thread: the threads of a tiny model wait for each other on a busy machine.
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def finish(words: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, env=environment(), cwd=ROOT, check=False, **options)


def start(words: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment(), cwd=ROOT
    )


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + START_SECONDS
    while not condition():
        assert process.poll() is None, f"ended too early: {process.stderr.read() if process.stderr else ''}"
        assert time.monotonic() < until
        time.sleep(0.02)


def paragraph(result: subprocess.CompletedProcess[str]) -> str:
    """The one error, without the log before it."""
    assert "Traceback" not in result.stderr, result.stderr
    return result.stderr.strip().splitlines()[-1]


def test_a_killed_run_goes_on_in_its_folder_and_ends_as_if_nothing_had_been(
    tiny_model: Path, rows: Path, tmp_path: Path
) -> None:
    whole = finish(command(tiny_model, rows, tmp_path / "whole"))
    assert whole.returncode == 0, whole.stderr
    output = tmp_path / "killed"
    words = command(tiny_model, rows, output)
    process = start(words)
    wait_for(lambda: len(complete_checkpoints(output)) >= 2, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert (output / IN_PROGRESS).is_file() and not has_manifest(output) and not (output / "final").exists()
    before = {path.name: sha256_file(path / "manifest.json") for path in complete_checkpoints(output)}
    again = finish(words)
    assert again.returncode == 0, again.stderr
    assert "going on from" in again.stderr
    assert {name: sha256_file(output / name / "manifest.json") for name in before} == before
    assert verify(output) == []
    adapter = "final/adapter_model.safetensors"
    assert sha256_file(output / adapter) == sha256_file(tmp_path / "whole" / adapter)


def test_sigterm_leaves_a_checkpoint_to_go_on_from(tiny_model: Path, rows: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    words = command(tiny_model, rows, output, max_steps=100000, save_steps=100000)
    process = start(words)
    records = output / "metrics.jsonl"
    wait_for(lambda: records.is_file() and '"loss"' in records.read_text(), process)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in told and "Stopped by SIGTERM" in told
    saved = complete_checkpoints(output)
    assert len(saved) == 1 and verify(saved[0]) == []
    assert not has_manifest(output)


@pytest.fixture()
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts file systems of a given size, for real."""
    mounted: list[Path] = []

    def mount(size: str) -> Path:
        folder = tmp_path / f"disk-{len(mounted)}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=False)


def test_a_disk_that_fills_during_a_checkpoint(tiny_model: Path, rows: Path, small_disk: Callable[[str], Path]) -> None:
    """Full parameters with Adam are about 1.3 MB a checkpoint: the third does not fit."""
    disk = small_disk("4m")
    output = disk / "out"
    result = finish(command(tiny_model, rows, output, tuner_type="full"))
    assert result.returncode == 1
    assert "Cannot write: the disk is full" in paragraph(result) and str(output) in paragraph(result)
    saved = complete_checkpoints(output)
    assert saved and all(verify(folder) == [] for folder in saved)
    assert sorted(output.glob("checkpoint-*")) == sorted(saved), "half a checkpoint is left"
    assert not has_manifest(output) and not (output / "final").exists()
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    again = finish(command(tiny_model, rows, output, tuner_type="full"))
    assert again.returncode == 0, again.stderr
    assert f"going on from {saved[-1]}" in again.stderr
    assert verify(output) == []


LIMITED = """
import os, resource
from transformers import TrainerCallback
from swift_lib.callbacks.mapping import extra_callbacks


class FullFromNowOn(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == int(os.environ["FULL_AT"]):
            resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))


extra_callbacks.append(FullFromNowOn())
"""


def test_a_file_that_may_grow_no_further_during_a_checkpoint(
    tiny_model: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk's last bytes, without a disk: from step 4 on no file may be larger than 300 KB, and weights are."""
    plugin, output = tmp_path / "limited.py", tmp_path / "out"
    plugin.write_text(LIMITED)
    whole = finish(command(tiny_model, rows, tmp_path / "whole", tuner_type="full"))
    assert whole.returncode == 0, whole.stderr
    words = command(tiny_model, rows, output, tuner_type="full", external_plugins=plugin)
    monkeypatch.setenv("FULL_AT", "4")
    result = finish(words)
    assert result.returncode == 1 and "Cannot write: " in paragraph(result), result.stderr
    assert [path.name for path in complete_checkpoints(output)] == ["checkpoint-2"]
    assert sorted(path.name for path in output.glob("checkpoint-*")) == ["checkpoint-2"], "half a checkpoint is left"
    monkeypatch.setenv("FULL_AT", "-1")
    again = finish(words)
    assert again.returncode == 0, again.stderr
    assert "going on from" in again.stderr
    assert sha256_file(output / "final/model.safetensors") == sha256_file(tmp_path / "whole/final/model.safetensors")


def test_a_disk_for_copies_that_is_full(tiny_model: Path, rows: Path, small_disk: Callable[[str], Path]) -> None:
    """Training goes on without them; the stage fails at its end, and publishes when there is room."""
    disk = small_disk("1m")
    output, plugin = disk.parent / "out", disk.parent / "impatient.py"
    plugin.write_text("from swift_lib.trainers import checkpoint_store\n\ncheckpoint_store._WAITS = (0.1,)\n")
    words = command(tiny_model, rows, output, tuner_type="full", checkpoint_uri=disk / "place", save_steps=12,
                    external_plugins=plugin)  # fmt: skip
    result = finish(words)
    assert result.returncode == 1
    assert "training is done, but checkpoint-12 could not be published" in paragraph(result)
    assert "the disk is full" in result.stderr and not list(disk.glob("place/checkpoint-*"))
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    again = finish(words)
    assert again.returncode == 0, again.stderr
    assert verify(disk / "place/checkpoint-12") == [] and verify(disk / "place/final") == []


def test_memory_that_runs_out(tiny_model: Path, tmp_path: Path) -> None:
    """A batch whose logits do not fit into the address space that the process is given."""
    messages = [{"role": "user", "content": "x" * 300}, {"role": "assistant", "content": "y" * 150}]
    rows = tmp_path / "rows.jsonl"
    rows.write_text((json.dumps({"messages": messages}) + "\n") * 4096)
    words = command(tiny_model, rows, tmp_path / "out", per_device_train_batch_size=4096)
    limit = 6 << 30
    code = f"import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit})); "
    code += "runpy.run_module('swift_lib', run_name='__main__', alter_sys=True)"
    result = finish([words[0], "-c", code, *words[3:]])
    assert result.returncode == 1
    assert "Memory ran out" in paragraph(result) and "--per_device_train_batch_size" in paragraph(result)
    assert not has_manifest(tmp_path / "out") and not (tmp_path / "out/final").exists()


def test_a_seed_gives_the_same_adapter_in_other_processes_and_folders(
    tiny_model: Path, rows: Path, tmp_path: Path
) -> None:
    """With no, one and two processes that read the rows."""
    found = []
    for name, workers in (("one", 0), ("two", 0), ("three", 1), ("four", 2)):
        words = command(
            tiny_model, rows, tmp_path / name, max_steps=4, lora_dropout=0.1, dataloader_num_workers=workers
        )
        result = finish(words)
        assert result.returncode == 0, result.stderr
        found.append(sha256_file(tmp_path / name / "final/adapter_model.safetensors"))
    assert len(set(found)) == 1
