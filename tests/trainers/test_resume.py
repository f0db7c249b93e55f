"""What a checkpoint says of its data, and what is refused where it is another."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from swift_lib.core.errors import TrainingError
from swift_lib.core.manifest import write_manifest
from swift_lib.trainers.resume import TRAINED_ON, changed_arguments, differences, position, require_same_data

NOW = {
    "dataset": "d" * 64, "template": "qwen", "packing": "none", "order": "random, seed 42", "rows_per_step": 16,
    "base": "b" * 64, "trained": "t" * 64, "position": {"epoch": 1, "rows": 32},
}  # fmt: skip


def checkpoint(folder: Path, **other: Any) -> Path:
    facts = {**NOW, **other}
    place = facts.pop("position")
    extra = {TRAINED_ON: facts, "position": place, "step": 8}
    write_manifest(folder, stage="checkpoint", arguments={"learning_rate": 1e-4}, extra=extra)
    return folder


def test_the_same_data_are_accepted(tmp_path: Path) -> None:
    require_same_data(checkpoint(tmp_path), NOW)


@pytest.mark.parametrize(
    ("name", "value", "told", "way_out"),
    [
        ("dataset", "e" * 64, r"the rows: eeeeeeeeeeee\.\.\. then, dddddddddddd\.\.\. now", "the dataset"),
        ("template", "llama3", "the template: llama3 then, qwen now", "--template as before"),
        ("packing", "p" * 64, "the packing plan: pppppppppppp... then, none now", "--packing_length"),
        ("order", "random, seed 7", "the order of the rows: random, seed 7 then", "--data_seed"),
        ("rows_per_step", 8, "the rows of a step: 8 then, 16 now", "gradient_accumulation_steps x processes"),
        ("position", {"epoch": 0, "rows": 32}, "the place in the data", "--dataloader_drop_last"),
        ("base", "c" * 64, "the frozen weights", "--model"),
        ("trained", "u" * 64, "the trained weights", "--lora_rank"),
    ],
)
def test_what_differs_is_told_with_the_way_out(tmp_path: Path, name: str, value: Any, told: str, way_out: str) -> None:
    with pytest.raises(TrainingError, match=told) as caught:
        require_same_data(checkpoint(tmp_path, **{name: value}), NOW)
    assert way_out in caught.value.fix and caught.value.where == str(tmp_path)


def test_everything_that_differs_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"the rows: .*the template: .*the packing plan: "):
        require_same_data(checkpoint(tmp_path, dataset="x", template="y", packing="z"), NOW)


def test_only_what_is_asked_for_counts(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path, dataset="x")
    require_same_data(folder, NOW, ("base", "trained"))
    assert list(differences({TRAINED_ON: {"dataset": "x"}}, NOW)) == ["dataset"]


def test_a_checkpoint_that_says_nothing_of_its_data_is_refused(tmp_path: Path) -> None:
    write_manifest(tmp_path, stage="checkpoint", arguments={})
    with pytest.raises(TrainingError, match="does not say which data") as caught:
        require_same_data(tmp_path, NOW)
    assert "--resume_only_model true" in caught.value.fix


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_a_place_does_not_depend_on_how_many_processes_share_the_rows_of_a_step(processes: int) -> None:
    """103 rows, 8 a step: 13 steps an epoch."""
    args = SimpleNamespace(train_batch_size=2, gradient_accumulation_steps=4 // processes, world_size=processes)
    batches = -(-103 // (2 * processes))
    assert position(12, batches, args) == {"epoch": 0, "rows": 96}
    assert position(13, batches, args) == {"epoch": 1, "rows": 0}
    assert position(27, batches, args) == {"epoch": 2, "rows": 8}


def test_changed_arguments_are_listed_and_unknown_ones_are_not() -> None:
    """An argument that the checkpoint's version did not know differs from nothing; tuples are JSON's lists."""
    before = {"learning_rate": 1e-4, "target_modules": ["all-linear"], "seed": 1}
    now = {"learning_rate": 2e-4, "target_modules": ("all-linear",), "seed": 1, "new_argument": True}
    assert changed_arguments(before, now) == ["learning_rate: 0.0001 then, 0.0002 now"]
