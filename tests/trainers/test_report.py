"""What a person sees while a run goes on, taken from real runs of a tiny model."""

import json
import logging
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from swift_lib.core.tracking import Tracker
from swift_lib.pipelines.preprocess import preprocess_main
from swift_lib.pipelines.sft import sft_main
from swift_lib.plugin.callback import extra_callbacks
from swift_lib.trainers import clock
from swift_lib.trainers.report import Report
from swift_lib.trainers.sft import SftTrainer

torch.set_num_threads(1)
MINE = ("tokens_per_second", "seconds_per_step", "memory_gib", "elapsed_seconds", "remaining_seconds")


@pytest.fixture(scope="module")
def tokens(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokens")
    words = ["red", "blue", "green", "black"]
    rows = [
        {
            "messages": [
                {"role": "user", "content": f"say {words[i % 4]}"},
                {"role": "assistant", "content": words[i % 4]},
            ]
        }
        for i in range(40)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    preprocess_main({
        "model": str(tiny_model), "dataset": [str(folder / "rows.jsonl")], "split_dataset_ratio": 0.2,
        "output_dir": str(folder / "out"), "track_uri": "none",
    })  # fmt: skip
    return folder / "out"


def train(tiny_model: Path, tokens: Path, output: Path, **more: Any) -> list[dict[str, Any]]:
    """A run's records."""
    sft_main({
        "model": str(tiny_model), "cached_dataset": str(tokens), "output_dir": str(output), "max_steps": 8,
        "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1, "logging_steps": 1, "save_steps": 4,
        "gradient_checkpointing": False, "track_uri": "none", **more,
    })  # fmt: skip
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture
def each_step() -> Iterator[Callable[[Callable[[int], None]], None]]:
    """Call a function at the end of each step."""
    before = list(extra_callbacks)

    def attach(function: Callable[[int], None]) -> None:
        class Callback(TrainerCallback):
            def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                function(state.global_step)

        extra_callbacks.append(Callback())

    yield attach
    extra_callbacks[:] = before


def test_a_record_holds_speed_memory_and_times(tiny_model: Path, tokens: Path, tmp_path: Path) -> None:
    records = [record for record in train(tiny_model, tokens, tmp_path / "out") if "loss" in record]
    assert [(record["step"], record["max_steps"], record["percent"]) for record in records[:2]] == [
        (1, 8, 12.5),
        (2, 8, 25.0),
    ]
    last = records[-1]
    assert {"loss", "grad_norm", "learning_rate", "epoch", *MINE} <= set(last)
    assert last["remaining_seconds"] == 0 and last["percent"] == 100
    assert 0.1 < last["memory_gib"] < 20
    assert "remaining_seconds" not in records[0] and "seconds_per_step" not in records[0]
    times = [record["elapsed_seconds"] for record in records]
    assert times == sorted(times)


def test_a_line_says_it_in_words(
    tiny_model: Path, tokens: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    train(tiny_model, tokens, tmp_path / "out")
    lines = [record.message for record in caplog.records if record.message.startswith("step ")]
    assert re.fullmatch(r"step 1/8 \(12%\)  loss \d.*tokens/s  \d.* GiB  \d+ s gone", lines[0]), lines[0]
    assert any(re.fullmatch(r"step 6/8 \(75%\)  loss.* tokens/s  .* s/step  .* GiB  \d+ s gone, \d+ s left", line)
               for line in lines), lines  # fmt: skip
    assert not any("train_tokens_per_second" in line for line in lines)


def test_evaluations_are_not_steps(
    tiny_model: Path, tokens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An evaluation of a second does not slow the steps; the remaining time counts those to come."""
    loop = SftTrainer.evaluation_loop

    def slow(self: Any, *args: Any, **kwargs: Any) -> Any:
        time.sleep(1)
        return loop(self, *args, **kwargs)

    monkeypatch.setattr(SftTrainer, "evaluation_loop", slow)
    records = train(tiny_model, tokens, tmp_path / "out", eval_steps=2, save_strategy="no", eval_strategy="steps")
    found = {record["step"]: record for record in records if "loss" in record}
    assert "remaining_seconds" not in found[2]  # no evaluation was seen yet
    assert found[5]["remaining_seconds"] > 2  # those after steps 6 and 8
    assert 7 * found[8]["seconds_per_step"] + 3 < found[8]["elapsed_seconds"]


def test_after_a_resume_only_this_runs_speed_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=lambda: now[0]))
    file = tmp_path / "metrics.jsonl"
    report = Report(Tracker.open(uri="none", stage="train", local=file))
    args = TrainingArguments(output_dir=str(tmp_path), report_to=[], use_cpu=True, save_strategy="no")
    state = TrainerState(global_step=100, max_steps=200, num_input_tokens_seen=100_000, is_world_process_zero=True)
    report.on_train_begin(args, state, TrainerControl(), train_dataloader=range(100))
    for step in range(101, 111):
        now[0] += 2.0
        state.global_step, state.num_input_tokens_seen = step, state.num_input_tokens_seen + 50
        report.on_step_end(args, state, TrainerControl())
    report.on_log(args, state, TrainerControl(), {"loss": 1.0})
    record = json.loads(file.read_text())
    assert [record[name] for name in ("tokens_per_second", "seconds_per_step", "elapsed_seconds", "remaining_seconds")
            ] == [25.0, 2.0, 20.0, 180.0]  # fmt: skip
    assert report.figures()["tokens_per_second"] == 25.0


def test_curves_are_in_mlflow_while_training_goes_on(
    tiny_model: Path, tokens: Path, tmp_path: Path, each_step: Callable[..., None]
) -> None:
    database = tmp_path / "mlflow.db"
    seen: list[Any] = []

    def look(step: int) -> None:
        if step != 5:
            return
        until = time.monotonic() + 30  # the numbers are sent by a thread, some at a time
        while time.monotonic() < until and len(seen) < 4:
            time.sleep(0.2)
            with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as store:
                seen[:] = store.execute("select step, value from metrics where key = 'loss' order by step").fetchall()
                status = store.execute("select status from runs where name != ''").fetchall()
        seen.append(status)

    each_step(look)
    records = train(tiny_model, tokens, tmp_path / "out", track_uri=f"sqlite:///{database}")
    losses = {record["step"]: record["loss"] for record in records if "loss" in record}
    assert seen[-1] == [("RUNNING",)]
    assert dict(seen[:-1]) == {step: pytest.approx(losses[step]) for step in (1, 2, 3, 4)}
