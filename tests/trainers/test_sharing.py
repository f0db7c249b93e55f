import json
from pathlib import Path
from typing import Any

import pytest

from swift_lib.trainers.fake_step import StepCost
from swift_lib.trainers.sharing import FSDP, NONE, Sharing, chosen, memory_of, zero

# Half-precision weights of a model that is trained in full: table 1 of the ZeRO paper.
COST = StepCost(
    parameters=1000, trained=1000, weights=2000, gradients=2000, optimizer=4000, held=2000, saved=500, loss=100,
    backward=2700, flops=0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("sharing", "expected"),
    [
        (NONE, (2000, 2000, 4000)),
        (zero(0), (2000, 2000, 12000)),
        (zero(1), (2000, 2000, 1200)),
        (zero(2), (2000, 200, 1200)),
        (zero(3), (200, 200, 1200)),
        (FSDP, (200, 200, 400)),
        (zero(2, offload_optimizer=True), (2000, 200, 0)),
        (zero(3, offload_optimizer=True, offload_weights=True), (0, 200, 0)),
    ],
)
def test_each_stage_splits_what_the_paper_says(sharing: Sharing, expected: tuple[int, int, int]) -> None:
    found = memory_of(COST, sharing, 10, half=True)
    assert (found.weights, found.gradients, found.optimizer) == expected


def test_activations_are_never_split_and_layers_are_gathered() -> None:
    found = memory_of(COST, zero(3), 10, largest=300, half=True)
    assert (found.saved, found.loss, found.gathered) == (500, 100, 600)
    assert found.peak == 200 + 1200 + 600 + max(200 + 600, 2700 - 2000 + 200)


def test_the_peak_of_one_process_is_the_steps() -> None:
    found = memory_of(COST, other=50)
    assert found.peak == COST.total + 50 and not found.peaks_in_loss


@pytest.mark.parametrize(
    ("deepspeed", "fsdp", "name"),
    [
        (None, None, "none"),
        (None, "fsdp2", "fsdp2"),
        ("zero2", None, "zero2"),
        ("zero3_offload", None, "zero3_offload"),
        ({"zero_optimization": {"stage": 1}}, None, "zero1"),
        ('{"zero_optimization": {"stage": 2, "offload_optimizer": {"device": "cpu"}}}', None, "zero2_offload"),
        ({"zero_optimization": {"stage": 2, "offload_optimizer": {"device": "none"}}}, None, "zero2"),
    ],
)
def test_what_the_arguments_ask_for(deepspeed: Any, fsdp: Any, name: str) -> None:
    assert chosen(deepspeed, fsdp).name == name


def test_a_file_says_it_as_well(tmp_path: Path) -> None:
    file = tmp_path / "ds.json"
    file.write_text(json.dumps({"zero_optimization": {"stage": 3}}))
    assert chosen(str(file), None) == zero(3)
