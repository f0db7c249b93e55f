"""One command line, two processes: who writes, how errors and signals end all of them."""

import importlib.util
import json
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from swift_lib.core.manifest import has_manifest, read_manifest, verify
from swift_lib.core.outputs import IN_PROGRESS
from swift_lib.pipelines.infer import infer_main
from swift_lib.pipelines.sft import sft_main

pytestmark = pytest.mark.integration

_SPEC = importlib.util.spec_from_file_location("processes", Path(__file__).with_name("processes.py"))
assert _SPEC and _SPEC.loader
processes = importlib.util.module_from_spec(_SPEC)
sys.modules["processes"] = processes
_SPEC.loader.exec_module(processes)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """41 rows of very different length: no number of processes divides them."""
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    with path.open("w") as stream:
        for i in range(41):
            answer = " ".join(["red", "blue", "green"][i % 3] for _ in range(1 + 3 * (i % 5)))
            messages = [{"role": "user", "content": f"say {i}"}, {"role": "assistant", "content": answer}]
            stream.write(json.dumps({"messages": messages}) + "\n")
    return path


def arguments(model: Path, rows: Path, output: Path, **more: Any) -> dict[str, Any]:
    return {
        "model": str(model), "dataset": [str(rows)], "output_dir": str(output), "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 2, "max_steps": 6, "save_steps": 3, "logging_steps": 1, "learning_rate": 3e-3,
        "lora_dropout": 0.0, "gradient_checkpointing": False, "track_uri": "none", **more,
    }  # fmt: skip


def losses(output: Path) -> list[float]:
    records = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return [record["loss"] for record in records if "loss" in record]


@pytest.fixture(scope="module")
def together(tiny_model: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run of two processes, with validation: its folder and what it wrote on the terminal."""
    folder = tmp_path_factory.mktemp("together")
    given = arguments(tiny_model, rows, folder / "out", val_dataset=[str(rows) + "#7"])
    with processes.swift("sft", given, folder / "log", NPROC_PER_NODE="2") as running:
        ended = running.end()
    assert ended.status == 0, ended.text
    return folder / "out", ended.text


@pytest.fixture(scope="module")
def alone(tiny_model: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same rows a step in one process."""
    folder = tmp_path_factory.mktemp("alone") / "out"
    more = {"gradient_accumulation_steps": 4, "val_dataset": [str(rows) + "#7"]}
    sft_main(arguments(tiny_model, rows, folder, **more))
    return folder


def test_two_processes_train_like_one(together: tuple[Path, str], alone: Path) -> None:
    """Also in the epoch's last step, for which one process has a row left and the other none."""
    assert losses(together[0]) == pytest.approx(losses(alone), abs=1e-6)
    one, two = (load_file(folder / "final/adapter_model.safetensors") for folder in (alone, together[0]))
    assert all((one[name] - two[name]).abs().max() < 1e-5 for name in one)


def test_the_validation_loss_is_that_of_one_process(together: tuple[Path, str], alone: Path) -> None:
    one, two = (json.loads((folder / "metrics.json").read_text()) for folder in (alone, together[0]))
    assert two["eval_loss"] == pytest.approx(one["eval_loss"], abs=1e-6)


def test_only_the_first_process_writes_and_speaks(together: tuple[Path, str]) -> None:
    output, text = together
    assert verify(output) == [] and not (output / IN_PROGRESS).exists()
    assert text.count("BUILT") == 1 and len(re.findall(r"step 6/6 .*  loss |step 6/6 \S+ +loss ", text)) == 1
    records = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    assert len([record for record in records if "loss" in record]) == 6
    assert read_manifest(output)["base"] and verify(output / "checkpoint-3") == []
    states = {path.name for path in (output / "checkpoint-3").glob("rng_state*")}
    assert states == {"rng_state_0.pth", "rng_state_1.pth"}  # sealed after the last process wrote its own


def test_an_error_of_the_first_process_is_told_once_and_ends_all(tiny_model: Path, rows: Path, tmp_path: Path) -> None:
    given = arguments(tiny_model, rows, tmp_path / "out", nproc_per_node=2, dataset=[str(tmp_path / "absent.jsonl")])
    with processes.swift("sft", given, tmp_path / "log") as running:
        ended = running.end()
    assert ended.status == 1
    assert ended.text.count("does not exist") == 1 and "Traceback" not in ended.text, ended.text
    assert "swift: the dataset does not exist" in ended.text
    assert not has_manifest(tmp_path / "out") and not processes.alive(str(tmp_path))


def test_a_signal_saves_in_all_processes_and_both_go_on(tiny_model: Path, rows: Path, tmp_path: Path) -> None:
    """SIGTERM to the command; then the same command line goes on, with one process instead of two."""
    given = arguments(tiny_model, rows, tmp_path / "out", max_steps=40, save_steps=1000)
    with processes.swift("sft", given, tmp_path / "log", NPROC_PER_NODE="2") as running:
        running.until(lambda text: "step 2/40" in text)
        running.process.send_signal(signal.SIGTERM)
        ended = running.end()
    assert ended.status == 128 + signal.SIGTERM and "Stopped by SIGTERM" in ended.text, ended.text
    (checkpoint,) = (tmp_path / "out").glob("checkpoint-*")
    assert verify(checkpoint) == [] and not processes.alive(str(tmp_path))
    step = int(checkpoint.name.partition("-")[2])
    before = losses(tmp_path / "out")
    sft_main({**given, "gradient_accumulation_steps": 4})
    after = losses(tmp_path / "out")
    assert after[: len(before)] == before and len(after) == 40
    assert step == len(before)


def test_workers_do_not_outlive_a_launcher_that_is_killed(tiny_model: Path, rows: Path, tmp_path: Path) -> None:
    given = arguments(tiny_model, rows, tmp_path / "out", max_steps=100_000, save_steps=100_000)
    with processes.swift("sft", given, tmp_path / "log", NPROC_PER_NODE="2") as running:
        running.until(lambda text: "step 1/" in text)
        os.killpg(running.process.pid, signal.SIGKILL)
        running.end()
    deadline = time.monotonic() + 30
    while processes.alive(str(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not processes.alive(str(tmp_path))


def test_processes_share_the_rows_to_answer(tiny_model: Path, rows: Path, tmp_path: Path) -> None:
    """Answers stand in the order of the rows, as one process writes them."""
    given = {"model": str(tiny_model), "val_dataset": [str(rows)], "val_dataset_sample": 7, "max_new_tokens": 4,
             "temperature": 0.0, "write_batch_size": 2}  # fmt: skip
    line = {**given, "output_dir": str(tmp_path / "two"), "nproc_per_node": 2}
    with processes.swift("infer", line, tmp_path / "log") as running:
        ended = running.end()
    assert ended.status == 0, ended.text
    infer_main({**given, "output_dir": str(tmp_path / "one")})
    assert (tmp_path / "two/results.jsonl").read_text() == (tmp_path / "one/results.jsonl").read_text()
    assert verify(tmp_path / "two") == []
