"""What `swift estimate` prints, of a tiny model; nothing is trained here (tests/integration/test_estimate.py does)."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from swift_lib.core.errors import ArgumentError, ModelError
from swift_lib.model.loader import get_model_processor
from swift_lib.pipelines.estimate import EstimateResult, estimate_main
from swift_lib.pipelines.preprocess import preprocess_main

torch.set_num_threads(1)
ROWS = 40


@pytest.fixture(scope="module")
def tokens(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokens")
    rows = [{"query": "say " + "a" * (i % 7), "response": "b" * (1 + i % 5)} for i in range(ROWS)]
    rows.append({"query": "the longest of all " * 3, "response": "yes"})
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    preprocess_main({
        "model": str(tiny_model), "dataset": [str(folder / "rows.jsonl")], "val_dataset": [str(folder / "rows.jsonl")],
        "output_dir": str(folder / "out"), "track_uri": "none",
    })  # fmt: skip
    return folder / "out"


def estimate(tiny_model: Path, tokens: Path, **more: Any) -> EstimateResult:
    flags = {"model": str(tiny_model), "cached_dataset": str(tokens), "probe": False, "track_uri": "none", **more}
    return estimate_main({name: value for name, value in flags.items() if value is not None})


def test_the_table_tells_parameters_bytes_steps_and_seconds(
    tiny_model: Path, tokens: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = estimate(tiny_model, tokens, per_device_train_batch_size=4, gradient_accumulation_steps=1)
    model, _ = get_model_processor(str(tiny_model))
    total = sum(parameter.numel() for parameter in model.parameters())
    assert result.cost.parameters == total + result.cost.trained
    assert result.memory.weights == 4 * result.cost.parameters + sum(buffer.nbytes for buffer in model.buffers())
    assert result.times is not None and result.times.schedule.steps == 11
    assert (result.times.schedule.evaluations, result.times.schedule.saves) == (1, 1)
    assert result.probed is None and result.exact and result.fits
    text = capsys.readouterr().out
    for word in ("weights", "gradients", "optimizer state", "activations", "loss", "data", "peak", "fits", "a step",
                 "an evaluation", "a save", "in all", "--gradient_checkpointing false"):  # fmt: skip
        assert word in text, text
    assert max(map(len, text.splitlines())) <= 120


def test_the_longest_batch_is_the_one_that_comes(tiny_model: Path, tokens: Path) -> None:
    from swift_lib.dataset.artifact import TokenDataset

    lengths = TokenDataset.open(tokens / "train").lengths
    assert estimate(tiny_model, tokens, per_device_train_batch_size=4).batch.length == lengths.max()
    packed = estimate(tiny_model, tokens, packing=True, packing_length=128)
    assert packed.batch.joined and lengths.max() < packed.batch.tokens <= 128
    assert packed.tokens_per_step == pytest.approx(16 * lengths.sum() / len(packed_lengths(lengths)), rel=0.35)


def packed_lengths(lengths: Any) -> Any:
    from swift_lib.dataset.packing import plan_packs

    return plan_packs(lengths, 128)


def test_more_is_trained_of_all_weights(tiny_model: Path, tokens: Path) -> None:
    result = estimate(tiny_model, tokens, tuner_type="full", torch_dtype="bfloat16")
    assert result.cost.trained == result.cost.parameters
    assert result.memory.gradients == 2 * result.cost.parameters
    assert result.memory.optimizer == pytest.approx(4 * result.cost.parameters, rel=0.01)


def test_what_does_not_fit_comes_with_what_to_change(
    tiny_model: Path, tokens: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = estimate(
        tiny_model, tokens, accelerator="0.59", tuner_type="full", gradient_checkpointing=False,
        per_device_train_batch_size=16,
    )  # fmt: skip
    text = capsys.readouterr().out
    assert not result.fits and "DOES NOT FIT" in text and "nobody knows how fast" in text
    words = [variant.words.partition(" ")[0] for variant in result.advice]
    assert words[:2] == ["--gradient_checkpointing", "--per_device_train_batch_size"]
    peaks = [variant.peak for variant in result.advice]
    assert peaks == sorted(peaks, reverse=True) and peaks[0] < result.peak


def test_processes_share(tiny_model: Path, tokens: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = estimate(
        tiny_model, tokens, accelerator="h100", tuner_type="full", nproc_per_node=4, nodes=2, deepspeed="zero3"
    )
    shared = {variant.words: variant.peak for variant in result.shared}
    assert shared["zero3"] < shared["zero2"] < shared["zero1"] < shared["none"]
    assert result.peak == shared["zero3"]
    assert "8 processes, each on h100" in capsys.readouterr().out


def test_without_rows_each_is_as_long_as_it_may_be(
    tiny_model: Path, tokens: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = estimate(tiny_model, tokens, cached_dataset=None, max_length=77, accelerator="l4")
    assert result.batch.length == 77
    assert "none given; each is taken to have 77 tokens" in capsys.readouterr().out


def test_rows_that_are_no_tokens_yet_are_tokenised_aside(tiny_model: Path, tokens: Path) -> None:
    rows = tokens.parent / "rows.jsonl"
    result = estimate(tiny_model, tokens, cached_dataset=None, dataset=[str(rows)], max_steps=7)
    assert result.times is not None and result.times.schedule.steps == 7
    assert sorted(path.name for path in tokens.parent.iterdir()) == ["out", "rows.jsonl"]


def test_a_sample_stands_for_all_rows(tiny_model: Path, tokens: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, ten = (estimate(tiny_model, tokens, total_rows=total) for total in (None, 820))  # 41 rows on either side
    assert one.times is not None and ten.times is not None
    assert (one.times.schedule.steps, ten.times.schedule.steps) == (3, 26)
    assert ten.batch == one.batch and ten.times.evaluation == pytest.approx(10 * one.times.evaluation, rel=0.5)
    assert "410 (those given are a sample)" in capsys.readouterr().out


def test_mistakes_are_told_as_everywhere(tiny_model: Path, tokens: Path) -> None:
    with pytest.raises(ArgumentError, match="neither a number of GiB nor one of t4"):
        estimate(tiny_model, tokens, accelerator="l5")
    with pytest.raises(ArgumentError, match="leave one of the two out"):
        estimate(tiny_model, tokens, accelerator="l4", probe=True)
    with pytest.raises(ArgumentError, match="instead of --total_rows"):
        estimate(tiny_model, tokens, total_rows=5, probe=True)
    with pytest.raises(ArgumentError, match="--packing_length: means something with --packing true only"):
        estimate(tiny_model, tokens, packing_length=5)
    with pytest.raises(ModelError, match="no such model folder"):
        estimate(Path("nowhere"), tokens)
