"""Trainings that are stopped and run again: what goes on, what is refused, what the next machine finds."""

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from swift_lib.core.errors import ArgumentError, Interrupted, TrainingError
from swift_lib.core.manifest import read_manifest, sha256_file, verify
from swift_lib.pipelines.sft import SftResult, sft_main
from swift_lib.trainers.base import BaseTrainer
from swift_lib.trainers.checkpoint import complete_checkpoints

pytestmark = pytest.mark.integration

torch.set_num_threads(1)

COMPARED = ("loss", "grad_norm", "learning_rate", "token_acc", "eval_loss", "eval_token_acc", "train_loss", "epoch")


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text("".join(_row(at) for at in range(20)))
    return path


def _row(at: int) -> str:
    messages = [{"role": "user", "content": f"say {at}"}, {"role": "assistant", "content": "x" * (1 + at % 5)}]
    return json.dumps({"messages": messages}) + "\n"


@pytest.fixture(scope="module")
def flags(tiny_model: Path, rows: Path) -> Callable[..., dict[str, Any]]:
    """5 steps an epoch, 10 in all; logged and evaluated every 3, saved every 4."""

    def make(output: Path, **more: Any) -> dict[str, Any]:
        return {
            "model": str(tiny_model), "dataset": [str(rows)], "val_dataset": [str(rows)], "output_dir": str(output),
            "num_train_epochs": 2, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2,
            "per_device_eval_batch_size": 8, "logging_steps": 3, "eval_steps": 3, "eval_strategy": "steps",
            "save_steps": 4, "learning_rate": 3e-3, "lora_dropout": 0.1, "gradient_checkpointing": False,
            "track_uri": "none", **more,
        }  # fmt: skip

    return make


@pytest.fixture(scope="module")
def whole(flags: Any, tmp_path_factory: pytest.TempPathFactory) -> SftResult:
    return sft_main(flags(tmp_path_factory.mktemp("whole") / "out"))


@contextmanager
def signal_at(step: int, method: str = "training_step") -> Iterator[None]:
    """A real SIGTERM to this process, once, in the named method after `step` steps."""
    original = getattr(BaseTrainer, method)
    sent: list[bool] = []

    def signalled(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.state.global_step == step and not sent:
            sent.append(True)
            os.kill(os.getpid(), signal.SIGTERM)
        return original(self, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseTrainer, method, signalled)
        yield


def stop(arguments: dict[str, Any], step: int, method: str = "training_step") -> Path:
    """Begin a run and stop it; the checkpoint that it left."""
    with signal_at(step, method), pytest.raises(Interrupted):
        sft_main(arguments)
    return complete_checkpoints(Path(arguments["output_dir"]))[-1]


def _lost(*_args: Any, **_kwargs: Any) -> Any:
    raise RuntimeError("lost")


def records(result: SftResult) -> list[Any]:
    """Every logged number that does not tell a time: (step, name, value)."""
    lines = (Path(result.output_dir) / "metrics.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    return [(entry["step"], name, entry[name]) for entry in entries for name in COMPARED if name in entry]


def adapter(result: SftResult) -> str:
    return sha256_file(Path(result.final) / "adapter_model.safetensors")


def same(again: SftResult, whole: SftResult) -> None:
    """Weights bit for bit, every logged number, and the run's figures."""
    assert adapter(again) == adapter(whole)
    assert records(again) == records(whole)
    names = ("steps", "train_loss", "first_loss", "last_loss", "first_eval_loss", "eval_loss", "tokens")
    assert {name: again.metrics[name] for name in names} == {name: whole.metrics[name] for name in names}


# -- exactly as if nothing had been ------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [0, 3, 4])
def test_a_run_that_was_stopped_ends_as_if_it_had_not_been(
    whole: SftResult, flags: Any, tmp_path: Path, step: int
) -> None:
    """Between two log lines; at the end of the first epoch; in the first step."""
    arguments = flags(tmp_path / "out")
    left = stop(arguments, step)
    assert left.name == f"checkpoint-{step + 1}" and verify(left) == []
    same(sft_main(arguments), whole)


def test_an_evaluation_that_was_broken_off_is_made_up_for(whole: SftResult, flags: Any, tmp_path: Path) -> None:
    arguments = flags(tmp_path / "out")
    left = stop(arguments, 3, "prediction_step")
    assert left.name == "checkpoint-3"
    assert json.loads((left / "running_0.json").read_text())["owes_evaluation"] is True
    again = stop(arguments, 3, "prediction_step")  # broken off once more: still owed
    assert again == left
    with pytest.MonkeyPatch.context() as patch:  # made up for, and lost again
        patch.setattr(BaseTrainer, "training_step", _lost)
        with pytest.raises(RuntimeError, match="lost"):
            sft_main(arguments)
    same(sft_main(arguments), whole)


def test_what_is_done_at_the_end_of_an_epoch_is_in_its_checkpoint(flags: Any, tmp_path: Path) -> None:
    """Stopped in the evaluation after the last step of the first epoch, which is saved by steps."""
    more = {"eval_strategy": "epoch", "save_steps": 5}
    whole = sft_main(flags(tmp_path / "whole", **more))
    arguments = flags(tmp_path / "out", **more)
    assert stop(arguments, 5, "prediction_step").name == "checkpoint-5"
    same(sft_main(arguments), whole)


def test_going_on_with_another_number_of_processes_draws_from_seed_and_step(
    flags: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As after two processes: two files of random states, of which neither is ours."""
    caplog.set_level("INFO")
    ends = []
    for name in ("one", "two"):
        arguments = flags(tmp_path / name)
        left = stop(arguments, 2)
        (left / "rng_state.pth").rename(left / "rng_state_0.pth")
        shutil.copyfile(left / "rng_state_0.pth", left / "rng_state_1.pth")
        _describe_again(left)
        ends.append(adapter(sft_main(arguments)))
    assert ends[0] == ends[1]
    assert caplog.text.count("follow from the seed and the step: the checkpoint has those of 2") == 2


def _describe_again(folder: Path) -> None:
    """The manifest of a folder that a test changed."""
    from swift_lib.core.manifest import write_manifest

    before = read_manifest(folder)
    kept = {name: before[name] for name in ("step", "base", "trained_on", "started_from", "position", "processes")}
    (folder / "manifest.json").unlink()
    write_manifest(folder, stage="checkpoint", arguments=before["arguments"], extra=kept)


# -- refused -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stopped(flags: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The arguments of a run that was stopped at step 3."""
    arguments = flags(tmp_path_factory.mktemp("stopped") / "out")
    stop(arguments, 2)
    return arguments


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"template": "chatml", "template_parity": "report"}, "the template: qwen then, chatml now"),
        ({"packing": True, "packing_length": 192}, "the packing plan: none then"),
        ({"data_seed": 7}, "the order of the rows: random, seed 42 then, random, seed 7 now"),
        ({"gradient_accumulation_steps": 4}, "the rows of a step: 4 then, 8 now"),
        ({"lora_rank": 4}, "the trained weights"),
        ({"learning_rate": 1e-4}, "with other options .*learning_rate: 0.003 then, 0.0001 now"),
        ({"num_train_epochs": 3, "warmup_ratio": 0.5}, "num_train_epochs: 2.* then, 3.* now; warmup_ratio"),
        ({"adam_epsilon": 1e-3}, "adam_epsilon"),
    ],
)
def test_other_data_or_options_are_refused(stopped: dict[str, Any], change: dict[str, Any], told: str) -> None:
    with pytest.raises(TrainingError, match=told):
        sft_main({**stopped, **change})
    assert [path.name for path in complete_checkpoints(Path(stopped["output_dir"]))] == ["checkpoint-3"]


def test_other_rows_are_refused(stopped: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text("".join(_row(at + 1) for at in range(20)))
    with pytest.raises(TrainingError, match="the rows: ") as caught:
        sft_main({**stopped, "dataset": [str(tmp_path / "rows.jsonl")]})
    assert "give the dataset that the checkpoint was trained on" in caught.value.fix


def test_naming_the_checkpoint_accepts_other_options_but_no_other_data(
    stopped: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    given = str(complete_checkpoints(Path(stopped["output_dir"]))[-1])
    named = {**stopped, "output_dir": str(tmp_path / "out"), "resume_from_checkpoint": given}
    result = sft_main({**named, "learning_rate": 1e-4, "max_steps": 5})
    assert result.metrics["steps"] == 5
    assert "with other options: " in caplog.text and "learning_rate: 0.003 then, 0.0001 now" in caplog.text
    with pytest.raises(TrainingError, match="the order of the rows"):
        sft_main({**named, "output_dir": str(tmp_path / "other"), "data_seed": 7})


# -- a checkpoint that is named ----------------------------------------------------------------------------------------


def test_a_run_from_a_named_checkpoint_goes_on_from_its_own_when_it_is_run_again(
    whole: SftResult, flags: Any, tmp_path: Path
) -> None:
    arguments = flags(tmp_path / "out", resume_from_checkpoint=str(Path(whole.output_dir) / "checkpoint-4"))
    assert stop(arguments, 5).name == "checkpoint-6"
    with signal_at(5, "training_step"):  # step 5 does not come again
        again = sft_main(arguments)
    assert adapter(again) == adapter(whole)


def test_only_the_weights_are_taken_where_that_is_asked_for(
    whole: SftResult, flags: Any, tmp_path: Path, rows: Path
) -> None:
    """Other data and another schedule, from step 0; the first loss is that of the trained weights."""
    (tmp_path / "rows.jsonl").write_text(rows.read_text() * 2)
    more = {
        "resume_from_checkpoint": str(Path(whole.output_dir) / "checkpoint-8"), "resume_only_model": True,
        "dataset": [str(tmp_path / "rows.jsonl")], "learning_rate": 1e-4, "max_steps": 4, "lora_dropout": 0.0,
        "logging_steps": 1, "save_steps": 2,
    }  # fmt: skip
    arguments = flags(tmp_path / "out", **more)
    assert stop(arguments, 2).name == "checkpoint-3"
    with signal_at(2):
        result = sft_main(arguments)  # and goes on from its own checkpoint
    assert result.metrics["steps"] == 4
    first = next(value for step, name, value in records(result) if (step, name) == (1, "loss"))
    assert first < next(value for step, name, value in records(whole) if (step, name) == (1, "loss"))
    rates = [value for _, name, value in records(result) if name == "learning_rate"]
    assert rates[0] == pytest.approx(1e-4, rel=0.2), "a new schedule"
    with pytest.raises(TrainingError, match="the trained weights"):
        sft_main(flags(tmp_path / "other", **more, lora_rank=4))


def test_only_the_weights_of_what(flags: Any, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="--resume_only_model: of which checkpoint"):
        sft_main(flags(tmp_path / "out", resume_only_model=True))


# -- the next machine --------------------------------------------------------------------------------------------------


def test_the_next_machine_goes_on_from_what_was_published(
    whole: SftResult, flags: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is given but the same URI: the newest is damaged, one is torn, and the run goes on from the third."""
    caplog.set_level("INFO")
    place = tmp_path / "place"
    stop(flags(tmp_path / "first", checkpoint_uri=str(place)), 8)
    assert sorted(path.name for path in place.iterdir()) == ["checkpoint-4", "checkpoint-8", "checkpoint-9"]
    (place / "checkpoint-9/optimizer.pt").write_bytes(b"damaged")
    (place / "checkpoint-8/manifest.json").unlink()
    again = sft_main(flags(tmp_path / "second", checkpoint_uri=str(place), save_total_limit=2))
    assert adapter(again) == adapter(whole)
    passed = [line for line in caplog.text.splitlines() if "passing over" in line]
    assert len(passed) == 2 and "checkpoint-9" in passed[0] and "not published to its end" in passed[1]
    assert f"going on from {tmp_path / 'second' / 'checkpoint-4'}" in caplog.text
    assert verify(place / "final") == [] and adapter(again) == sha256_file(place / "final/adapter_model.safetensors")
    assert [path.name for path in complete_checkpoints(place)] == ["checkpoint-8", "checkpoint-10"]
    assert again.metrics["failed_uploads"] == 0


def test_a_place_of_another_run_is_refused(whole: SftResult, flags: Any, tmp_path: Path) -> None:
    place = tmp_path / "place"
    shutil.copytree(Path(whole.output_dir) / "checkpoint-8", place / "checkpoint-8")
    before = sha256_file(place / "checkpoint-8/manifest.json")
    for change, told in (({"learning_rate": 1e-4}, "learning_rate"), ({"data_seed": 3}, "the order of the rows")):
        with pytest.raises(TrainingError, match=f"holds those of another one .*{told}") as caught:
            sft_main(flags(tmp_path / told, checkpoint_uri=str(place), **change))
        assert "--checkpoint_uri" in caught.value.fix
    assert sha256_file(place / "checkpoint-8/manifest.json") == before


def test_the_best_checkpoint_comes_along(flags: Any, tmp_path: Path) -> None:
    """The best is the first one: the greatest validation loss is asked for."""
    more = {"load_best_model_at_end": True, "greater_is_better": True, "save_steps": 3, "save_total_limit": 1}
    whole = sft_main(flags(tmp_path / "whole", **more))
    place = tmp_path / "place"
    left = stop(flags(tmp_path / "first", checkpoint_uri=str(place), **more), 7)
    assert left.name == "checkpoint-8"
    shutil.rmtree(tmp_path / "first")
    again = sft_main(flags(tmp_path / "second", checkpoint_uri=str(place), **more))
    assert adapter(again) == adapter(whole) == sha256_file(place / "checkpoint-3/adapter_model.safetensors")


def test_a_best_checkpoint_that_is_gone_is_refused_where_it_is_needed(flags: Any, tmp_path: Path) -> None:
    more = {"load_best_model_at_end": True, "greater_is_better": True, "save_steps": 3}
    left = stop(flags(tmp_path / "first", **more), 7)
    shutil.rmtree(left.parent / "checkpoint-3")
    with pytest.raises(TrainingError, match="best checkpoint so far, of step 3, is gone"):
        sft_main(flags(tmp_path / "second", resume_from_checkpoint=str(left), **more))
