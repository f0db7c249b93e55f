"""A real SIGTERM to a real process in every phase of a training: it ends soon, says so, and is made up for."""

import importlib.util
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from swift_lib.core.manifest import has_manifest, sha256_file, verify
from swift_lib.pipelines.sft import sft_main
from swift_lib.trainers.checkpoint import complete_checkpoints

pytestmark = pytest.mark.integration

_SPEC = importlib.util.spec_from_file_location("processes", Path(__file__).with_name("processes.py"))
assert _SPEC and _SPEC.loader
processes = importlib.util.module_from_spec(_SPEC)
sys.modules["processes"] = processes
_SPEC.loader.exec_module(processes)

LEAVE_SECONDS = 10.0
PLUGIN = Path(__file__).with_name("pausing.py")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    line = '{{"messages": [{{"role": "user", "content": "say {0}"}}, {{"role": "assistant", "content": "{0}"}}]}}\n'
    path.write_text("".join(line.format(at) for at in range(24)))
    return path


@pytest.fixture(scope="module")
def flags(tiny_model: Path, rows: Path) -> Any:
    def make(output: Path, **more: Any) -> dict[str, Any]:
        return {
            "model": str(tiny_model), "dataset": [str(rows)], "val_dataset": [str(rows)], "output_dir": str(output),
            "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "max_steps": 9, "save_steps": 2,
            "eval_strategy": "steps", "eval_steps": 3, "logging_steps": 3, "learning_rate": 3e-3, "lora_dropout": 0.1,
            "gradient_checkpointing": False, "track_uri": "none", "external_plugins": [str(PLUGIN)], **more,
        }  # fmt: skip

    return make


@pytest.fixture(scope="module")
def whole(flags: Any, tmp_path_factory: pytest.TempPathFactory) -> str:
    """sha256 of the adapter of a run that nobody stopped."""
    return adapter(sft_main(flags(tmp_path_factory.mktemp("whole") / "out")).final)


def adapter(folder: str | Path) -> str:
    return sha256_file(Path(folder) / "adapter_model.safetensors")


def stop_in(phase: str, arguments: dict[str, Any], folder: Path, **variables: str) -> str:
    """Run the command, send SIGTERM in the phase; what it wrote."""
    marker = folder / "here"
    began = folder / "log"
    with processes.swift("sft", arguments, began, PAUSE_IN=phase, PAUSE_MARKER=str(marker), **variables) as running:
        running.until(lambda _: marker.exists())
        at = time.monotonic()
        running.process.send_signal(signal.SIGTERM)
        ended = running.end()
        seconds = time.monotonic() - at
    assert ended.status == 128 + signal.SIGTERM, ended.text
    assert "Stopped by SIGTERM" in ended.text.splitlines()[-1] and "Traceback" not in ended.text, ended.text
    assert seconds < processes.patience(LEAVE_SECONDS), f"{seconds:.1f} s after SIGTERM:\n{ended.text}"
    return str(ended.text)


# The newest checkpoint that is left: what was done before the phase is not lost.
LEFT = {"encode": 0, "load": 0, "step": 1, "evaluate": 3, "save": 2, "final": 9}


@pytest.mark.parametrize("phase", LEFT)
def test_sigterm_in_every_phase(phase: str, whole: str, flags: Any, tmp_path: Path) -> None:
    arguments = flags(tmp_path / "out")
    stop_in(phase, arguments, tmp_path)
    left = complete_checkpoints(tmp_path / "out")
    assert (int(left[-1].name.partition("-")[2]) if left else 0) == LEFT[phase]
    assert sorted((tmp_path / "out").glob("checkpoint-*")) == sorted(left), "half a checkpoint is left"
    assert all(verify(folder) == [] for folder in left) and not has_manifest(tmp_path / "out")
    assert adapter(sft_main(arguments).final) == whole


def test_sigterm_while_a_checkpoint_is_copied(whole: str, flags: Any, tmp_path: Path) -> None:
    """It goes on for the seconds it has, and the checkpoint that the signal brought gets there as well."""
    place = tmp_path / "place"
    told = stop_in("upload", flags(tmp_path / "out", checkpoint_uri=str(place)), tmp_path)
    newest = complete_checkpoints(tmp_path / "out")[-1].name
    assert f"{newest} is at {place}" in told and verify(place / newest) == []
    assert adapter(sft_main(flags(tmp_path / "next", checkpoint_uri=str(place))).final) == whole


def test_sigterm_while_a_checkpoint_is_brought(whole: str, flags: Any, tmp_path: Path) -> None:
    place = tmp_path / "place"
    stop_in("step", flags(tmp_path / "first", checkpoint_uri=str(place)), tmp_path)
    (tmp_path / "here").unlink()
    arguments = flags(tmp_path / "second", checkpoint_uri=str(place))
    stop_in("download", arguments, tmp_path)
    assert adapter(sft_main(arguments).final) == whole


def test_sigterm_to_the_whole_group_with_data_workers(whole: str, flags: Any, tmp_path: Path) -> None:
    """As a terminal's Ctrl-C and torchrun's end send it: the workers go on until the step is done."""
    arguments = flags(tmp_path / "out", dataloader_num_workers=2)
    marker = tmp_path / "here"
    with processes.swift("sft", arguments, tmp_path / "log", PAUSE_IN="step", PAUSE_MARKER=str(marker)) as running:
        running.until(lambda _: marker.exists())
        processes.os.killpg(running.process.pid, signal.SIGTERM)
        ended = running.end()
    assert ended.status == 128 + signal.SIGTERM and "Traceback" not in ended.text, ended.text
    assert [path.name for path in complete_checkpoints(tmp_path / "out")] == ["checkpoint-1"]
    assert adapter(sft_main(arguments).final) == whole, "nor does the number of workers matter"
