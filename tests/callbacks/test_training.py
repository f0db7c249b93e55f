"""Each callback in a training of the tiny model with `swift sft`: it learns, and the callback has its effect."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file

from swift_lib.callbacks import TrainerCallback, extra_callbacks
from swift_lib.callbacks.activation_cpu_offload import ActivationCpuOffloadCallback
from swift_lib.core.errors import ArgumentError, Interrupted

Learn = Callable[..., Any]


def test_early_stop_ends_at_the_right_save(learn: Learn) -> None:
    """With a learning rate of nearly nothing the second of two checkpoints is no better than the first."""
    options = {"split_dataset_ratio": 0.25, "save_steps": 2, "eval_steps": 2, "logging_steps": 1}
    run = learn(early_stop_interval=2, learning_rate=1e-12, **options)
    assert run.result.metrics["steps"] == 6
    assert sorted(path.name for path in Path(run.result.output_dir).glob("checkpoint-*")) == [
        "checkpoint-2", "checkpoint-4", "checkpoint-6",
    ]  # fmt: skip
    # What it had decided holds for whoever goes on: no step more.
    again = learn(
        "again", early_stop_interval=2, learning_rate=1e-12,
        resume_from_checkpoint=str(Path(run.result.output_dir) / "checkpoint-6"), **options,
    )  # fmt: skip
    assert again.result.metrics["steps"] == 6


def test_early_stop_lets_a_run_that_gets_better_go_on(learn: Learn) -> None:
    run = learn(early_stop_interval=2, split_dataset_ratio=0.25, save_steps=10)
    run.require_learned()
    assert run.changed == run.names and run.result.metrics["steps"] == 50


def test_early_stop_without_evaluations_is_refused(learn: Learn) -> None:
    with pytest.raises(ArgumentError, match="there are no evaluations; give --val_dataset or --split_dataset_ratio"):
        learn(early_stop_interval=2)


def test_lisa_switches_the_layer_that_is_trained(learn: Learn) -> None:
    def note(model: Any, optimizer: Any) -> list[int]:
        layers = enumerate(model.model.layers)
        return [place for place, layer in layers if any(p.grad is not None for p in layer.parameters())]

    run = learn(note=note, lisa_activated_layers=1, lisa_step_interval=5)
    run.require_learned()
    assert run.changed == run.names
    assert {tuple(active) for active in run.noted} == {(0,), (1,)}
    assert all(len(set(map(tuple, run.noted[begin : begin + 5]))) == 1 for begin in range(0, 50, 5))


def test_lisa_leaves_layers_that_were_not_drawn(learn: Learn) -> None:
    run = learn(lisa_activated_layers=1, lisa_step_interval=50)
    run.require_learned()
    at_rest = {name for name in run.names if name not in run.changed}
    assert {name.split(".")[2] for name in at_rest} in ({"0"}, {"1"})
    layer = next(iter(at_rest)).split(".")[2]
    assert at_rest == {name for name in run.names if f".layers.{layer}." in name}


def test_offloaded_activations_change_no_weight(learn: Learn) -> None:
    plain = learn("plain")
    moved: list[int] = []

    class Look(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            all_callbacks = self.trainer.callback_handler.callbacks
            moved.extend(c.moved_bytes for c in all_callbacks if isinstance(c, ActivationCpuOffloadCallback))

    extra_callbacks.append(Look())
    offloaded = learn("offloaded", callbacks=["activation_cpu_offload"])
    offloaded.require_learned()
    assert offloaded.changed == offloaded.names
    assert len(moved) == 50 and min(moved) > 0
    for name, value in offloaded.model.named_parameters():
        assert torch.equal(value, dict(plain.model.named_parameters())[name]), name


def test_perf_log_logs_utilisation(learn: Learn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVICE_TFLOPS", "1")
    run = learn(callbacks=["perf_log"])
    run.require_learned()
    logged = [entry["mfu"] for entry in run.history if "mfu" in entry]
    assert len(logged) == len([entry for entry in run.history if "loss" in entry])
    assert all(0 < value < 1 for value in logged)
    assert '"mfu"' in (Path(run.result.output_dir) / "metrics.jsonl").read_text()


def test_graceful_exit_is_what_the_command_does_anyway(learn: Learn, tmp_path: Path) -> None:
    class Kill(transformers.TrainerCallback):
        def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == 3:
                os.kill(os.getpid(), signal.SIGTERM)

    extra_callbacks.append(Kill())
    with pytest.raises(Interrupted):
        learn(callbacks=["graceful_exit"])
    assert [path.name for path in (tmp_path / "out").glob("checkpoint-*")] == ["checkpoint-4"]


def test_deepspeed_elastic_without_deepspeed_is_refused(learn: Learn) -> None:
    with pytest.raises(ArgumentError, match="deepspeed_elastic needs --deepspeed"):
        learn(callbacks=["deepspeed_elastic"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"callbacks": ["lisa"]}, "--callbacks: lisa needs --lisa_activated_layers"),
        ({"callbacks": ["early_stop"]}, "--callbacks: early_stop needs --early_stop_interval"),
        ({"callbacks": ["perf_log", "perf_log"]}, "--callbacks: perf_log is named twice"),
        ({"callbacks": ["nothing"]}, "--callbacks: .*nothing"),
    ],
)
def test_wrong_arguments_are_refused_before_work_is_done(
    options: dict[str, Any], message: str, learn: Learn, tmp_path: Path
) -> None:
    with pytest.raises(ArgumentError, match=message):
        learn(**options)
    assert not (tmp_path / "out").exists()


ADALORA = {
    "tuner_type": "adalora", "adalora_init_r": 6, "adalora_target_r": 2, "adalora_tinit": 5, "adalora_tfinal": 10,
}  # fmt: skip


def test_adalora_lets_the_rank_fall(learn: Learn) -> None:
    """From six singular values a matrix to two on average, more where they matter."""

    def note(model: Any, optimizer: Any) -> list[int]:
        return [int((value != 0).sum()) for name, value in model.named_parameters() if "lora_E" in name]

    run = learn(note=note, learning_rate=1e-2, **ADALORA)
    run.require_learned()
    # Singular values begin as 0, and end as 0 where a matrix gets no rank.
    vectors = {name for name in run.names if "lora_A" in name or "lora_B" in name}
    assert vectors <= run.changed <= vectors | {name for name in run.names if "lora_E" in name}
    matrices = len(run.noted[0])
    totals = [sum(ranks) for ranks in run.noted[1:]]  # noted before the callback's own cut
    assert totals[0] == 6 * matrices and totals[-1] == 2 * matrices
    assert totals == sorted(totals, reverse=True) and len(set(run.noted[-1])) > 1
    stored = load_file(Path(run.result.final) / "adapter_model.safetensors")
    values = [value for name, value in stored.items() if "lora_E" in name]
    assert sum(int((value != 0).sum()) for value in values) == 2 * matrices
    assert all(len(value) == max(1, int((value != 0).sum())) for value in values)


def test_adalora_goes_on_to_the_same_adapter(learn: Learn) -> None:
    options = {**ADALORA, "max_steps": 20, "save_steps": 9}
    whole = learn("whole", **options)
    start = str(Path(whole.result.output_dir) / "checkpoint-9")
    rest = learn("rest", resume_from_checkpoint=start, **options)
    one, other = (load_file(Path(run.result.final) / "adapter_model.safetensors") for run in (whole, rest))
    assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
