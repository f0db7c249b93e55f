import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from swift_lib.core.errors import (
    ArgumentError,
    DataError,
    Interrupted,
    ManifestError,
    ModelError,
    OutputError,
    TrainingError,
)
from swift_lib.core.manifest import has_manifest, read_manifest, sha256_file, verify
from swift_lib.core.outputs import IN_PROGRESS
from swift_lib.pipelines.preprocess import preprocess_main
from swift_lib.pipelines.sft import SftResult, sft_main
from swift_lib.template.face import Template
from swift_lib.template.mapping import TEMPLATE_MAPPING
from swift_lib.trainers.sft import SftTrainer

torch.set_num_threads(1)  # two threads of a tiny model on a busy machine wait for each other


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    words = ["red", "blue", "green", "black"]
    path.write_text("".join(_row(f"say {words[i % 4]}", words[i % 4]) for i in range(40)))
    return path


def _row(question: str, answer: str) -> str:
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages}) + "\n"


def flags(model: Path, rows: Path, output: Path, **more: Any) -> dict[str, Any]:
    return {
        "model": str(model), "dataset": [str(rows)], "output_dir": str(output), "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 1, "max_steps": 6, "save_steps": 2, "logging_steps": 1, "learning_rate": 3e-3,
        "gradient_checkpointing": False, "track_uri": "none", **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def trained(tiny_model: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> SftResult:
    output = tmp_path_factory.mktemp("trained") / "out"
    return sft_main(flags(tiny_model, rows, output, split_dataset_ratio=0.2))


def adapter_of(folder: str | Path) -> Path:
    return Path(folder) / "adapter_model.safetensors"


def test_a_run_leaves_everything_it_promises(trained: SftResult) -> None:
    output = Path(trained.output_dir)
    assert verify(output) == []
    assert not (output / IN_PROGRESS).exists()
    for name in (
        "args.json",
        "metrics.jsonl",
        "metrics.json",
        "curves.html",
        "images/loss.png",
        "images/learning_rate.png",
    ):
        assert (output / name).stat().st_size > 0, name
    for name in ("adapter_model.safetensors", "adapter_config.json", "tokenizer.json", "args.json", "manifest.json"):
        assert (output / "final" / name).is_file(), name
    for step in (2, 4, 6):
        assert verify(output / f"checkpoint-{step}") == []


def test_the_loss_falls_and_the_figures_say_so(trained: SftResult) -> None:
    metrics = trained.metrics
    assert metrics["steps"] == 6 and metrics["rows"] == 32 and metrics["validation_rows"] == 8
    assert metrics["last_loss"] < metrics["first_loss"]
    assert metrics["eval_loss"] < metrics["first_eval_loss"]
    assert metrics["tokens_per_second"] > 0


def test_final_weights_say_what_they_are(trained: SftResult) -> None:
    stored = json.loads((Path(trained.final) / "args.json").read_text())
    assert (stored["model_type"], stored["template"]) == ("qwen2", "qwen")


def test_every_logged_number_is_in_the_records(trained: SftResult) -> None:
    records = [json.loads(line) for line in (Path(trained.output_dir) / "metrics.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records if "loss" in record] == [1, 2, 3, 4, 5, 6]
    assert {record["dataset"] for record in records if "dataset" in record} == {"train", "validation"}
    assert any("params" in record for record in records)


def test_the_base_is_the_same_before_and_after(trained: SftResult, tiny_model: Path) -> None:
    """Adapters start with B = 0, and only they move."""
    base = read_manifest(trained.output_dir)["base"]
    assert len(base["sha256"]) == 64 and base["dtype"] == "float32"
    names = set(load_file(adapter_of(trained.final)))
    assert names and all("lora_" in name for name in names)


def test_changed_base_weights_are_an_error(
    tiny_model: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = SftTrainer.training_step

    def damage(self: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        with torch.no_grad():
            next(p for p in self.model.parameters() if not p.requires_grad)[0] += 1e-3
        return step(self, *args, **kwargs)

    monkeypatch.setattr(SftTrainer, "training_step", damage)
    with pytest.raises(TrainingError, match="Frozen weights changed"):
        sft_main(flags(tiny_model, rows, tmp_path / "out", max_steps=1))
    assert not has_manifest(tmp_path / "out") and not (tmp_path / "out/final").exists()


def test_the_seed_decides_the_adapter(tiny_model: Path, rows: Path, tmp_path: Path) -> None:
    def run(name: str, seed: int) -> str:
        result = sft_main(flags(tiny_model, rows, tmp_path / name, max_steps=2, lora_dropout=0.1, seed=seed))
        return sha256_file(adapter_of(result.final))

    first = run("first", 7)
    torch.rand(3)  # what was drawn before does not matter
    assert run("second", 7) == first != run("third", 8)


def test_full_parameters_move_and_load(tiny_model: Path, rows: Path, tmp_path: Path) -> None:
    result = sft_main(
        flags(tiny_model, rows, tmp_path / "out", tuner_type="full", max_steps=2, gradient_checkpointing=True)
    )
    before, after = load_file(tiny_model / "model.safetensors"), load_file(Path(result.final) / "model.safetensors")
    assert set(before) == set(after)
    assert all(not torch.equal(before[name], after[name]) for name in before if name.endswith("proj.weight"))
    assert (Path(result.final) / "generation_config.json").is_file()


def test_a_retry_goes_on_from_the_newest_complete_checkpoint(
    trained: SftResult, tiny_model: Path, rows: Path, tmp_path: Path
) -> None:
    """As after a kill: no final result, a checkpoint whose save was cut off, one that was damaged since."""
    output = tmp_path / "out"
    shutil.copytree(trained.output_dir, output)
    for name in (
        "manifest.json",
        "curves.html",
        "metrics.json",
        "checkpoint-6/manifest.json",
        "checkpoint-6/optimizer.pt",
    ):
        (output / name).unlink()
    shutil.rmtree(output / "final")
    (output / IN_PROGRESS).write_text("{}")
    kept = sha256_file(output / "checkpoint-2/optimizer.pt")
    again = sft_main(flags(tiny_model, rows, output, split_dataset_ratio=0.2))
    assert sha256_file(adapter_of(again.final)) == sha256_file(adapter_of(trained.final))
    assert sha256_file(output / "checkpoint-2/optimizer.pt") == kept
    state = json.loads((output / "checkpoint-6/trainer_state.json").read_text())
    assert [entry["step"] for entry in state["log_history"] if "loss" in entry] == [1, 2, 3, 4, 5, 6]


def test_a_given_checkpoint_is_gone_on_from(trained: SftResult, tiny_model: Path, rows: Path, tmp_path: Path) -> None:
    start = str(Path(trained.output_dir) / "checkpoint-4")
    more = {"split_dataset_ratio": 0.2, "resume_from_checkpoint": start}
    again = sft_main(flags(tiny_model, rows, tmp_path / "out", **more))
    assert sha256_file(adapter_of(again.final)) == sha256_file(adapter_of(trained.final))
    assert not (tmp_path / "out/checkpoint-4").exists()


def test_a_checkpoint_with_a_missing_file_is_refused(
    trained: SftResult, tiny_model: Path, rows: Path, tmp_path: Path
) -> None:
    start = tmp_path / "checkpoint-4"
    shutil.copytree(Path(trained.output_dir) / "checkpoint-4", start)
    (start / "optimizer.pt").unlink()
    with pytest.raises(ManifestError, match=r"optimizer\.pt: missing"):
        sft_main(flags(tiny_model, rows, tmp_path / "out", resume_from_checkpoint=str(start)))


def test_only_so_many_checkpoints_are_kept(tiny_model: Path, rows: Path, tmp_path: Path) -> None:
    sft_main(flags(tiny_model, rows, tmp_path / "out", save_total_limit=2, save_steps=1, max_steps=4))
    assert sorted(path.name for path in (tmp_path / "out").glob("checkpoint-*")) == ["checkpoint-3", "checkpoint-4"]


def test_a_loss_that_is_no_number_stops_the_run(
    tiny_model: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = SftTrainer.compute_loss

    def broken(self: Any, *args: Any, **kwargs: Any) -> Any:
        return step(self, *args, **kwargs) * (float("nan") if self.state.global_step == 3 else 1.0)

    monkeypatch.setattr(SftTrainer, "compute_loss", broken)
    with pytest.raises(TrainingError, match=r"NaN or infinite at step 4 \(learning rate 0\.00") as caught:
        sft_main(flags(tiny_model, rows, tmp_path / "out"))
    assert "--learning_rate" in caught.value.fix
    assert verify(tmp_path / "out/checkpoint-2") == []
    assert not has_manifest(tmp_path / "out") and not (tmp_path / "out/final").exists()


def test_memory_that_runs_out_is_one_clear_error(
    tiny_model: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hungry(*args: Any, **kwargs: Any) -> Any:
        return torch.empty(1 << 50)  # what torch's allocator says to a petabyte

    monkeypatch.setattr(SftTrainer, "compute_loss", hungry)
    with pytest.raises(TrainingError, match="Memory ran out") as caught:
        sft_main(flags(tiny_model, rows, tmp_path / "out"))
    assert "--per_device_train_batch_size" in caught.value.fix
    assert not (tmp_path / "out/final").exists()


def test_a_signal_saves_a_checkpoint_and_leaves(
    tiny_model: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = SftTrainer.training_step

    def signalled(self: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        if self.state.global_step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, *args, **kwargs)

    monkeypatch.setattr(SftTrainer, "training_step", signalled)
    arguments = flags(tiny_model, rows, tmp_path / "out", save_steps=100)
    with pytest.raises(Interrupted) as caught:
        sft_main(arguments)
    assert caught.value.exit_code == 128 + signal.SIGTERM
    assert verify(tmp_path / "out/checkpoint-3") == []
    monkeypatch.undo()
    assert sft_main(arguments).metrics["steps"] == 6


def test_a_foreign_folder_is_refused(tiny_model: Path, rows: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="not empty"):
        sft_main(flags(tiny_model, rows, tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="refused only where there is no CUDA device")
def test_qlora_without_cuda_is_refused_before_anything_is_loaded(rows: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a CUDA device"):
        sft_main(flags(tmp_path / "no-model", rows, tmp_path / "out", tuner_type="qlora"))
    assert not (tmp_path / "out").exists()


def test_what_transformers_refuses_is_refused_before_anything_is_loaded(rows: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="transformers refuses"):
        sft_main(flags(tmp_path / "no-model", rows, tmp_path / "out", lr_scheduler_type="cosinus"))
    assert not (tmp_path / "out").exists()


def test_any_other_field_of_transformers_reaches_it(
    tiny_model: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    log = SftTrainer.log
    monkeypatch.setattr(
        SftTrainer, "log", lambda self, *args, **kwargs: (seen.append(self.args), log(self, *args, **kwargs))
    )
    sft_main(flags(tiny_model, rows, tmp_path / "out", max_steps=1, neftune_noise_alpha=5.0, adam_epsilon=1e-7))
    assert (seen[0].neftune_noise_alpha, seen[0].adam_epsilon) == (5.0, 1e-7)


def test_tokens_of_another_tokenizer_are_refused(
    trained: SftResult, tiny_model: Path, rows: Path, tmp_path: Path
) -> None:
    data = preprocess_main({"model": str(tiny_model), "dataset": [str(rows)], "output_dir": str(tmp_path / "d"),
                            "track_uri": "none"})  # fmt: skip
    other = tmp_path / "other"
    shutil.copytree(tiny_model, other)
    tokenizer = json.loads((other / "tokenizer.json").read_text())
    ids = tokenizer["model"]["vocab"]
    ids["a"], ids["b"] = ids["b"], ids["a"]
    (other / "tokenizer.json").write_text(json.dumps(tokenizer))
    arguments = {**flags(other, rows, tmp_path / "out"), "cached_dataset": data.output_dir, "dataset": []}
    with pytest.raises(DataError, match="another tokenizer"):
        sft_main(arguments)
    assert sft_main({**arguments, "model": str(tiny_model), "max_steps": 1}).metrics["rows"] == 40


def test_tokens_fit_the_same_vocabulary_in_another_file(tiny_model: Path, rows: Path, tmp_path: Path) -> None:
    """Saving a tokenizer may write its file otherwise; a run on top of a run reads the same tokens."""
    data = preprocess_main({"model": str(tiny_model), "dataset": [str(rows)], "output_dir": str(tmp_path / "d"),
                            "track_uri": "none"})  # fmt: skip
    again = tmp_path / "again"
    shutil.copytree(tiny_model, again)
    text = (again / "tokenizer.json").read_text()
    (again / "tokenizer.json").write_text(json.dumps(json.loads(text), indent=None))
    arguments = {**flags(again, rows, tmp_path / "out"), "cached_dataset": data.output_dir, "dataset": []}
    assert sft_main({**arguments, "max_steps": 1}).metrics["rows"] == 40


def test_accumulated_batches_train_like_one_big_batch(tiny_model: Path, mixed: Path, tmp_path: Path) -> None:
    """Though rows, and so batches, hold different numbers of trained tokens."""

    def run(name: str, batch: int, accumulate: int) -> list[float]:
        shape = {"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulate}
        sft_main(flags(tiny_model, mixed, tmp_path / name, max_steps=2, learning_rate=1e-4, lora_dropout=0.0, **shape))
        records = [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        return [record[key] for record in records if "loss" in record for key in ("loss", "grad_norm")]

    assert run("small", 4, 4) == pytest.approx(run("big", 16, 1), rel=1e-4)


def test_the_validation_loss_does_not_depend_on_the_batch_size(tiny_model: Path, mixed: Path, tmp_path: Path) -> None:
    losses = []
    for batch in (1, 3):
        more = {"val_dataset": [str(mixed)], "per_device_eval_batch_size": batch, "max_steps": 1, "save_steps": 1}
        losses.append(sft_main(flags(tiny_model, mixed, tmp_path / str(batch), **more)).metrics["eval_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Answers of very different length."""
    path = tmp_path_factory.mktemp("mixed") / "rows.jsonl"
    path.write_text("".join(_row(f"say {i}", "ab" * (1 + 5 * (i % 4))) for i in range(32)))
    return path


def test_callbacks_of_plugins_are_attached(
    tiny_model: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    class Counts(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            seen.append(state.global_step)

    monkeypatch.setattr("swift_lib.callbacks.base.extra_callbacks", [Counts])
    sft_main(flags(tiny_model, rows, tmp_path / "out", max_steps=2))
    assert seen == [1, 2]


def test_a_damaged_token_dataset_is_refused(tiny_model: Path, rows: Path, tmp_path: Path) -> None:
    arguments = {"model": str(tiny_model), "dataset": [str(rows)], "output_dir": str(tmp_path / "d")}
    preprocess_main({**arguments, "track_uri": "none"})
    shard = tmp_path / "d/train/data-00000.arrow"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    more = {"cached_dataset": str(tmp_path / "d"), "dataset": []}
    with pytest.raises(DataError, match="The token dataset is damaged"):
        sft_main({**flags(tiny_model, rows, tmp_path / "out"), **more})


def test_template_options_reach_the_batches(
    tiny_model: Path, mixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """padding_side decides where a batch is padded; a template's _post_encode sees it before the model does."""
    seen: list[torch.Tensor] = []

    def watch(self: Template, model: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        seen.append(inputs["attention_mask"])
        return inputs

    monkeypatch.setattr(
        TEMPLATE_MAPPING["qwen"], "template_cls", type("Watching", (Template,), {"_post_encode": watch})
    )
    sft_main(flags(tiny_model, mixed, tmp_path / "out", max_steps=1, padding_side="left"))
    assert len(seen) == 1
    assert (seen[0][:, -1] == 1).all() and (seen[0][:, 0] == 0).any()


def test_packed_and_padded_rows_train_alike(tiny_model: Path, mixed: Path, tmp_path: Path) -> None:
    """All rows in each step: they lie together in another way, and the losses are the same."""

    def run(name: str, **more: Any) -> tuple[list[float], dict[str, Any]]:
        more = {"gradient_accumulation_steps": 64, "max_steps": 2, "lora_dropout": 0.0, "learning_rate": 1e-4, **more}
        result = sft_main(flags(tiny_model, mixed, tmp_path / name, val_dataset=[str(mixed)], **more))
        records = [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        losses = [record[key] for record in records for key in ("loss", "grad_norm", "eval_loss") if key in record]
        return losses, {**read_manifest(result.output_dir).get("packing", {}), **result.metrics}

    padded, _ = run("padded")
    packed, facts = run("packed", packing=True, packing_length=512)
    joined, _ = run("joined", padding_free=True)
    assert len(padded) == 6  # two steps of loss and gradient norm, the validation after them, and again at the end
    assert packed == pytest.approx(padded, rel=1e-4) and joined == pytest.approx(padded, rel=1e-4)
    assert facts["packing_length"] == 512 and facts["packs"] < facts["rows"] == 32
    assert 0.8 < facts["used"] <= 1 and len(facts["digest"]) == 64


def test_a_pack_too_short_for_a_row_is_refused(tiny_model: Path, mixed: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="longer than a pack of 20 tokens"):
        sft_main(flags(tiny_model, mixed, tmp_path / "out", packing=True, packing_length=20))
