"""Estimates held against trainings that are really made, of a tiny model."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines import foresight, parameters
from pipelines.compile import compiled_pipeline, documents
from swift_lib.core.manifest import read_manifest
from swift_lib.pipelines.estimate import estimate_main
from swift_lib.pipelines.preprocess import preprocess_main
from swift_lib.pipelines.sft import sft_main

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def tokens(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokens")
    rows = [{"query": "say " + "a" * (i % 30), "response": "b" * (1 + i % 20)} for i in range(60)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    preprocess_main({
        "model": str(tiny_model), "dataset": [str(folder / "rows.jsonl")], "split_dataset_ratio": 0.2,
        "output_dir": str(folder / "out"), "track_uri": "none",
    })  # fmt: skip
    return folder / "out"


@pytest.mark.parametrize(
    "more", [{}, {"tuner_type": "full", "packing": True, "packing_length": 128}], ids=["lora", "full packed"]
)
def test_a_probe_and_the_first_steps_foretell_a_run(
    tiny_model: Path, tokens: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: dict[str, Any]
) -> None:
    """Memory only: how long steps take depends on what else the machine does."""
    flags = {
        "model": str(tiny_model), "cached_dataset": str(tokens), "per_device_train_batch_size": 4, "max_steps": 8,
        "gradient_accumulation_steps": 2, "logging_steps": 4, "eval_steps": 4, "save_steps": 4, "track_uri": "none",
        **more,
    }  # fmt: skip
    guess = estimate_main(flags)
    assert guess.probed is not None and len(guess.probed.batches) == 6 and len(guess.probed.steps) == 3
    assert guess.probed.evaluation is not None and guess.probed.save is not None
    assert guess.times is not None and guess.times.schedule.steps == 8
    assert (guess.times.schedule.evaluations, guess.times.schedule.saves) == (2, 2)
    assert "measured by steps of this training" in capsys.readouterr().out
    output = tmp_path / "out"
    sft_main({**flags, "output_dir": str(output)})
    figures = json.loads((output / "metrics.json").read_text())
    assert figures == read_manifest(output)["metrics"]
    assert abs(figures["estimate_memory_error"]) < 0.1
    assert figures["estimated_seconds"] > 0 and "estimate_time_error" in figures


def test_submit_tells_it_before_the_run(tiny_model: Path, tokens: Path) -> None:
    declared = parameters.parameters_of(documents(compiled_pipeline("sft", literals=True))[0])
    given = {name: entry.default for name, entry in declared.items()}
    given |= {
        "base_model": str(tiny_model), "data_dataset": [str(tokens.parent / "rows.jsonl")],
        "eval_dataset": ["b.jsonl"], "reward_dataset": ["c.jsonl"], "infra_gpus": "2",
        "infra_node_selector": {"cloud.google.com/gke-accelerator": "nvidia-l4"},
    }  # fmt: skip
    text = foresight.estimate_text(given, here=False)
    assert "2 processes, each on l4 (22.5 GiB)" in text and "fits" in text and "in all" in text
    broken = foresight.estimate_text(given | {"data_dataset": [str(tiny_model / "args.json")]}, here=True)
    assert broken.startswith("no estimate: ") and "\n" not in broken
