"""From a pipeline's parameters to the arguments of `swift estimate`; the command is run in tests/integration."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from pipelines import foresight, parameters, submit
from pipelines.compile import compiled_pipeline, documents
from swift_lib.arguments import EstimateArguments


def values(tmp_path: Path, words: str = "", profile: str = "") -> dict[str, Any]:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"query": "a", "response": "b"}\n')
    needed = f"base_model={tmp_path} data_dataset={rows} eval_dataset=b.jsonl reward_dataset=c.jsonl"
    options = argparse.Namespace(pipeline="sft", params="", profile=profile, args=f"{needed} {words}")
    declared = parameters.parameters_of(documents(compiled_pipeline("sft", literals=True))[0])
    return {name: entry.value for name, entry in submit.gather(declared, options, "local")[0].items()}


def test_training_is_asked_about_as_it_will_run(tmp_path: Path) -> None:
    words = "train_lora_rank=4 data_max_length=64 train_arguments='{\"packing\": true}' base_seed=7"
    args = EstimateArguments.from_flat(foresight.estimate_arguments(values(tmp_path, words), here=True))
    flat = args.to_flat()
    assert (flat["lora_rank"], flat["max_length"], flat["packing"], flat["seed"]) == (4, 64, True, 7)
    assert flat["dataset"] == [str(tmp_path / "rows.jsonl")]
    assert args.estimate.probe is False and args.estimate.accelerator is None and flat["track_uri"] == "none"


@pytest.mark.parametrize(
    ("profile", "accelerator"), [("gke-l4", "l4"), ("eks-a10g-spot", "a10g"), ("aks-a100", "a100-80gb")]
)
def test_the_profiles_nodes_tell_the_accelerator(tmp_path: Path, profile: str, accelerator: str) -> None:
    flat = foresight.estimate_arguments(values(tmp_path, profile=profile), here=False)
    assert (flat["accelerator"], flat["nproc_per_node"]) == (accelerator, 1)
    assert "accelerator" not in foresight.estimate_arguments(values(tmp_path, profile=profile), here=True)


def test_labels_that_do_not_tell_leave_it_open(tmp_path: Path) -> None:
    flat = foresight.estimate_arguments(values(tmp_path, "infra_gpus=4"), here=False)
    assert (flat["accelerator"], flat["nproc_per_node"]) == ("gpu", 4)
    assert EstimateArguments.from_flat(flat).estimate.accelerator == "gpu"


def test_rows_that_are_not_at_hand_are_left_out(tmp_path: Path) -> None:
    flat = foresight.estimate_arguments(values(tmp_path, "data_split_dataset_ratio=0.1") | {
        "data_dataset": ["s3://bucket/rows.jsonl"]}, here=True)  # fmt: skip
    assert flat["dataset"] == [] and flat["split_dataset_ratio"] == 0.0
    EstimateArguments.from_flat(flat)


def test_of_many_rows_some_are_drawn(tmp_path: Path) -> None:
    given = values(tmp_path)
    rows = tmp_path / "rows.jsonl"
    rows.write_text(('{"query": "a", "response": "' + "b" * 600 + '"}\n') * 2000 + "\n")
    flat = foresight.estimate_arguments(given, here=True)
    assert (flat["dataset"], flat["total_rows"]) == ([f"{rows}#1000"], 2000)
    EstimateArguments.from_flat(flat)
    both = given | {"data_val_dataset": [str(rows)]}
    assert "data_val_dataset" in given and foresight.estimate_arguments(both, here=True)["dataset"] == []


def test_a_model_that_is_not_here_is_said_in_one_line(tmp_path: Path) -> None:
    given = values(tmp_path) | {"base_model": "outputs/demo/base/none"}
    text = foresight.estimate_text(given, here=True)
    assert text == "no estimate: outputs/demo/base/none is no model folder on this machine"
