"""Two processes in every mode train like one, and checkpoints go from any mode and number of processes to any other."""

import importlib.util
import json
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from swift_lib.core.manifest import verify
from swift_lib.pipelines.sft import sft_main

pytestmark = pytest.mark.integration

_SPEC = importlib.util.spec_from_file_location("processes", Path(__file__).with_name("processes.py"))
assert _SPEC and _SPEC.loader
processes = importlib.util.module_from_spec(_SPEC)
sys.modules["processes"] = processes
_SPEC.loader.exec_module(processes)

MODES: dict[str, dict[str, Any]] = {
    "ddp": {},
    "zero0": {"deepspeed": "zero0"},
    "zero1": {"deepspeed": "zero1"},
    "zero2": {"deepspeed": "zero2"},
    "zero3": {"deepspeed": "zero3"},
    "zero2_offload": {"deepspeed": "zero2_offload"},
    "zero3_offload": {"deepspeed": "zero3_offload"},
    "fsdp2": {"fsdp": "fsdp2"},
    # Both processes have the same rows, so that one of them takes as many batches as a process alone.
    "sequence": {"sequence_parallel_size": 2, "gradient_accumulation_steps": 4},
}
KINDS = {"full": {"tuner_type": "full"}, "lora": {"tuner_type": "lora", "lora_dropout": 0.0}}
LORA = ("zero2_offload", "zero3_offload", "fsdp2")
CASES = [("full", mode) for mode in MODES if mode not in LORA or mode == "fsdp2"] + [("lora", mode) for mode in LORA]
GONE_ON = [(kind, mode) for kind, mode in CASES if mode not in ("ddp", "zero0", "zero1")]  # whose state is in pieces
in_each_case = pytest.mark.parametrize(("kind", "mode"), CASES)
in_each_gone_on = pytest.mark.parametrize(("kind", "mode"), GONE_ON)
Folder = Callable[[str], Path]
"""Where a kind has been trained; the first call trains."""

STEPS, HALF = 4, 2
SECONDS = 400  # for up to ten tiny trainings one after the other; a busy machine needs a fourth of it


def modes(kind: str, cases: list[tuple[str, str]]) -> list[str]:
    """Those in which a kind is trained."""
    return [mode for of, mode in cases if of == kind]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """25 rows of very different length: three steps of eight, and one of a single row, which one process has."""
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    with path.open("w") as stream:
        for i in range(25):
            answer = " ".join(["red", "blue", "green"][i % 3] for _ in range(1 + 3 * (i % 5)))
            messages = [{"role": "user", "content": f"say {i}"}, {"role": "assistant", "content": answer}]
            stream.write(json.dumps({"messages": messages}) + "\n")
    return path


def arguments(model: Path, rows: Path, output: Path, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "model": str(model), "dataset": [str(rows)], "output_dir": str(output), "per_device_train_batch_size": 2,
        "gradient_accumulation_steps": 2, "max_steps": STEPS, "save_steps": HALF, "logging_steps": 1,
        "learning_rate": 3e-3, "track_uri": "none", **KINDS[kind], **more,
    }  # fmt: skip


def in_two_processes(jobs: list[dict[str, Any]], folder: Path) -> str:
    """Train one job after the other; what was written on the terminal."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "jobs.json").write_text(json.dumps(jobs))
    script = str(Path(__file__).with_name("trainings.py"))
    launch = ["-m", "torch.distributed.run", "--nproc_per_node", "2", "--local_addr", "127.0.0.1"]
    with processes.Running([*launch, script, str(folder / "jobs.json")], folder / "log") as running:
        ended = running.end(SECONDS)
    assert ended.status == 0, ended.text
    return str(ended.text)


def curve(output: Path, mode: str = "", begin: int = 0) -> list[float]:
    """Losses and norms of the gradient from a step on; zero0 tells no norms."""
    records = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    names = ("loss",) if mode == "zero0" else ("loss", "grad_norm")
    return [record[name] for record in records if "loss" in record and record["step"] > begin for name in names]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    name = "model.safetensors" if (folder / "model.safetensors").is_file() else "adapter_model.safetensors"
    return load_file(folder / name)


def same_weights(one: Path, two: Path, tolerance: float) -> None:
    first, second = weights(one), weights(two)
    assert {name: value.shape for name, value in first.items()} == {n: value.shape for n, value in second.items()}
    assert {value.dtype for value in first.values()} == {value.dtype for value in second.values()}
    worst = max(float((first[name] - second[name]).abs().max()) for name in first)
    assert worst < tolerance, worst


@pytest.fixture(scope="module")
def alone(tiny_model: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """One process, in float32, without anything."""

    @cache
    def trained(kind: str) -> Path:
        output = tmp_path_factory.mktemp("alone") / "out"
        sft_main(arguments(tiny_model, rows, output, kind, gradient_accumulation_steps=4))
        return output

    return trained


@pytest.fixture(scope="module")
def spread(tiny_model: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A folder for each mode, trained by two processes."""

    @cache
    def trained(kind: str) -> Path:
        folder = tmp_path_factory.mktemp("spread")
        jobs = [arguments(tiny_model, rows, folder / mode, kind, **MODES[mode]) for mode in modes(kind, CASES)]
        in_two_processes(jobs, folder)
        return folder

    return trained


@pytest.fixture(scope="module")
def continued(alone: Folder, tiny_model: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A folder for each mode in which two processes go on from the checkpoint of one."""

    @cache
    def trained(kind: str) -> Path:
        folder = tmp_path_factory.mktemp("continued")
        start = {"resume_from_checkpoint": str(alone(kind) / f"checkpoint-{HALF}")}
        jobs = [
            arguments(tiny_model, rows, folder / mode, kind, **MODES[mode], **start) for mode in modes(kind, GONE_ON)
        ]
        in_two_processes(jobs, folder)
        return folder

    return trained


@in_each_case
def test_losses_gradients_and_weights_are_those_of_one_process(
    kind: str, mode: str, spread: Folder, alone: Folder
) -> None:
    """Gradients are accumulated and shared, rows are uneven, one process has none at the end."""
    one, two = alone(kind), spread(kind) / mode
    assert curve(two, mode) == pytest.approx(curve(one, mode), abs=1e-4)
    same_weights(two / "final", one / "final", 1e-4)
    same_weights(two / f"checkpoint-{HALF}", one / f"checkpoint-{HALF}", 1e-4)
    assert verify(two) == []


@in_each_gone_on
def test_two_processes_go_on_from_one(kind: str, mode: str, continued: Folder, alone: Folder) -> None:
    one, two = alone(kind), continued(kind) / mode
    assert curve(two, mode) == pytest.approx(curve(one, mode, begin=HALF), abs=1e-4)
    same_weights(two / "final", one / "final", 1e-4)


@in_each_gone_on
def test_one_process_goes_on_from_two(
    kind: str, mode: str, spread: Folder, alone: Folder, tiny_model: Path, rows: Path, tmp_path: Path
) -> None:
    checkpoint = spread(kind) / mode / f"checkpoint-{HALF}"
    more = {"gradient_accumulation_steps": 4, "resume_from_checkpoint": str(checkpoint)}
    sft_main(arguments(tiny_model, rows, tmp_path / "out", kind, **more))
    assert curve(tmp_path / "out") == pytest.approx(curve(alone(kind), begin=HALF), abs=1e-4)
    same_weights(tmp_path / "out" / "final", alone(kind) / "final", 1e-4)


@in_each_case
def test_optimizer_state_has_one_form(kind: str, mode: str, spread: Folder, alone: Folder) -> None:
    """Written by any mode, it is what one process writes: position by position, of its own memory each."""
    plain = torch.load(alone(kind) / f"checkpoint-{HALF}/optimizer.pt", weights_only=True)
    state = torch.load(spread(kind) / mode / f"checkpoint-{HALF}/optimizer.pt", weights_only=True)
    assert [group["params"] for group in state["param_groups"]] == [g["params"] for g in plain["param_groups"]]
    steps = {values["step"].data_ptr() for values in state["state"].values()}
    assert len(steps) == len(plain["state"]) == len(state["state"])
    for position, values in plain["state"].items():
        for key, value in values.items():
            assert torch.allclose(value, state["state"][position][key], atol=1e-6), (position, key)


HALVED = ("zero2", "fsdp2", "zero3")  # zero3 puts its own linear layers into the process, for good


@pytest.fixture(scope="module")
def halved(tiny_model: Path, rows: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each mode in bfloat16, uninterrupted, and again from its own checkpoint (`<mode>-on`)."""
    folder = tmp_path_factory.mktemp("halved")

    def job(mode: str) -> dict[str, Any]:
        return arguments(tiny_model, rows, folder / mode, "full", **MODES[mode], torch_dtype="bfloat16")

    jobs = []
    for mode in HALVED:
        start = {"resume_from_checkpoint": str(folder / mode / f"checkpoint-{HALF}")}
        jobs += [job(mode), {**job(mode), **start, "output_dir": str(folder / f"{mode}-on")}]
    in_two_processes(jobs, folder)
    return folder


@pytest.mark.parametrize("mode", HALVED)
def test_bfloat16_goes_on_with_all_the_digits_of_its_master_weights(mode: str, halved: Path) -> None:
    assert {value.dtype for value in weights(halved / mode / "final").values()} == {torch.bfloat16}
    masters = load_file(halved / mode / f"checkpoint-{HALF}/master_weights.safetensors")
    assert {value.dtype for value in masters.values()} == {torch.float32}
    assert any(not torch.equal(value, value.bfloat16().float()) for value in masters.values())
    assert curve(halved / f"{mode}-on") == curve(halved / mode, begin=HALF)
    same_weights(halved / f"{mode}-on" / "final", halved / mode / "final", 1e-9)
    losses = curve(halved / mode)[::2]
    assert losses[-1] < losses[0]


SHAPES: dict[str, dict[str, Any]] = {
    "rows": {},
    "packs": {"packing": True, "packing_length": 160},
    "joined": {"padding_free": True},
    "grouped": {"group_by_length": True},
    "dispatched": {"accelerator_config": {"dispatch_batches": True}},
    "dispatched packs": {
        "packing": True, "packing_length": 160, "accelerator_config": {"dispatch_batches": True},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def weighted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows whose replies count from a quarter to twice."""
    path = tmp_path_factory.mktemp("weighted") / "rows.jsonl"
    with path.open("w") as stream:
        for i in range(29):
            answer = " ".join(["red", "blue", "green"][i % 3] for _ in range(1 + 3 * (i % 5)))
            reply = {"role": "assistant", "content": answer, "loss_scale": [0.25, 1.0, 2.0][i % 3]}
            stream.write(json.dumps({"messages": [{"role": "user", "content": f"say {i}"}, reply]}) + "\n")
    return path


@pytest.fixture(scope="module")
def shared(tiny_model: Path, weighted: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each shape, trained by two processes in two batches of two."""
    folder = tmp_path_factory.mktemp("shared")
    jobs = [
        arguments(tiny_model, weighted, folder / shape, "lora", save_strategy="no", max_steps=5, **more)
        for shape, more in SHAPES.items()
    ]
    in_two_processes(jobs, folder)
    return folder


@pytest.mark.parametrize("shape", list(SHAPES))
def test_processes_and_accumulation_are_one_big_batch(
    shape: str, shared: Path, tiny_model: Path, weighted: Path, tmp_path: Path
) -> None:
    """Over the end of an epoch, whose last step is uneven; with weights, packs, and rows that one process reads."""
    whole = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 1, "num_train_epochs": 3}
    more = {name: value for name, value in SHAPES[shape].items() if name != "accelerator_config"}
    output = tmp_path / "out"
    sft_main(arguments(tiny_model, weighted, output, "lora", save_strategy="no", max_steps=5) | more | whole)
    assert curve(shared / shape) == pytest.approx(curve(output), abs=1e-6, rel=1e-6)
    same_weights(shared / shape / "final", output / "final", 1e-5)
