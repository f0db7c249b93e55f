"""`swift estimate`: what a training will take, in bytes and seconds, before it runs."""

import dataclasses
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch

from swift_lib.arguments import EstimateArguments, as_arguments
from swift_lib.core import accelerators
from swift_lib.model.empty import largest_layer
from swift_lib.pipelines.estimate_text import report
from swift_lib.pipelines.probe import Plan, Probed, choose, run_probe
from swift_lib.pipelines.training_subject import Subject
from swift_lib.trainers import memory
from swift_lib.trainers.clock import NEVER, Interval
from swift_lib.trainers.estimate import (
    Pace,
    Schedule,
    Times,
    evaluation_seconds,
    fit_pace,
    forward_share,
    save_seconds,
    step_seconds,
)
from swift_lib.trainers.fake_step import BatchShape, StepCost
from swift_lib.trainers.sharing import FSDP, NONE, Memory, Sharing, chosen, memory_of, zero
from swift_lib.trainers.workload import CostLine

# Of what a device can compute at most, how much a training is taken to reach until it was tried.
_REACHED = {"cuda": 0.4, "cpu": 0.5}
_DRIVER_BYTES = 600 * 2**20  # a CUDA context and its libraries, beside what torch allocates
_UNUSED_SHARE = 0.03  # of what is allocated: blocks that torch keeps and cannot use


@dataclass(frozen=True)
class Device:
    """What it runs on. capacity: bytes; operations: a second, 0: nobody knows; reserve: bytes beside torch's own."""

    name: str
    kind: str
    capacity: int
    operations: float

    def reserve(self, peak: int) -> int:
        """What else is taken on it."""
        return _DRIVER_BYTES + int(_UNUSED_SHARE * peak) if self.kind == "cuda" else 0


@dataclass(frozen=True)
class Variant:
    """A change of the arguments, in words, and the peak with it in bytes."""

    words: str
    peak: int


@dataclass(frozen=True)
class EstimateResult:
    """memory: of one process; batch: the longest; exact: the step was gone through, not taken from formulas.

    times: None where nobody knows how fast the device is. probed: what steps of this training took. others: the same
    training otherwise; shared: over the processes, by name; advice: what to change where it does not fit.
    """

    memory: Memory
    cost: StepCost
    batch: BatchShape
    device: Device
    times: Times | None
    tokens_per_step: float
    exact: bool
    probed: Probed | None = None
    others: tuple[Variant, ...] = ()
    shared: tuple[Variant, ...] = ()
    advice: tuple[Variant, ...] = ()

    @property
    def peak(self) -> int:
        """Bytes of the process at its peak: measured where steps were made."""
        return self.probed.peak if self.probed is not None else self.memory.peak

    @property
    def needed(self) -> int:
        """Bytes that have to be there."""
        return self.peak + self.device.reserve(self.peak)

    @property
    def fits(self) -> bool:
        """Whether there is enough memory, as far as it is known how much there is."""
        return self.needed <= self.device.capacity or not self.device.capacity


def estimate_main(args: EstimateArguments | Sequence[str] | Mapping[str, Any] | None = None) -> EstimateResult:
    """Print the table. Nothing is written, but for rows that are tokenised aside."""
    args = as_arguments(EstimateArguments, args)
    with tempfile.TemporaryDirectory(prefix="swift-estimate-") as folder:
        subject = Subject(args, Path(folder))
        result = Estimator(subject, Path(folder)).result()
    sys.stdout.write(report(subject, result))
    return result


class Estimator:
    """Goes through the batches of a subject. folder: for what a probe writes."""

    def __init__(self, subject: Subject, folder: Path) -> None:
        self.subject, self._folder = subject, folder
        self.checkpointing = bool(subject.hf.gradient_checkpointing)
        self.device = _device(subject.options.accelerator)
        # On a CPU the process is what counts, with its libraries.
        self.libraries = memory.current_bytes() if self.device.kind == "cpu" else 0
        self.exact = True

    def result(self) -> EstimateResult:
        """All of it."""
        longest = self.subject.workload.longest()
        cost = self._cost(longest, self.checkpointing)
        sharing = self._sharing()
        probed, computed = self._probe(cost), self._memory(cost, sharing)
        result = EstimateResult(
            memory=computed,
            cost=cost,
            batch=longest,
            device=self.device,
            times=self._times(cost, longest, probed),
            tokens_per_step=self.subject.workload.tokens_per_step,
            exact=self.exact,
            probed=probed,
            others=tuple(self._others(longest, sharing, probed.peak - computed.peak if probed is not None else 0)),
            shared=tuple(self._shared(cost)),
        )
        return dataclasses.replace(result, advice=() if result.fits else tuple(self._advice(cost, longest, sharing)))

    def _probe(self, cost: StepCost) -> Probed | None:
        subject, folder = self.subject, self.subject.rows.folder
        wanted = subject.options.probe
        if wanted is None:
            wanted = subject.is_here and self._sharing() is NONE
        if not wanted or folder is None:
            return None
        batches, accumulation = choose(subject.workload)
        flat = subject.args.to_flat() | {
            "dataset": [], "val_dataset": [], "split_dataset_ratio": 0.0, "columns": {}, "interleave_prob": [],
            "cached_dataset": str(folder),
        }  # fmt: skip
        evaluates = subject.validation is not None and self._intervals()[0] != NEVER
        place = self._folder / "probe"
        place.mkdir()
        return run_probe(Plan(flat, batches, accumulation, evaluates, self._intervals()[1] != NEVER), place)

    # -- memory ----------------------------------------------------------------------------------------------------

    def _cost(self, batch: BatchShape, checkpointing: bool, changes: Mapping[str, Any] | None = None) -> StepCost:
        accumulates = self.subject.workload.accumulation > 1
        cost, exact = self.subject.cost(batch, checkpointing=checkpointing, accumulates=accumulates, changes=changes)
        self.exact = self.exact and exact
        return cost

    def _memory(self, cost: StepCost, sharing: Sharing) -> Memory:
        half = self.subject.info.torch_dtype in (torch.bfloat16, torch.float16)
        return memory_of(cost, sharing, self.subject.processes, largest=self._largest, half=half, other=self.libraries)

    @cached_property
    def _largest(self) -> int:
        return largest_layer(self.subject.model(checkpointing=False))

    def _sharing(self) -> Sharing:
        asked = self.subject.args.distributed
        return chosen(asked.deepspeed, asked.fsdp)

    def _others(self, longest: BatchShape, sharing: Sharing, more: int) -> list[Variant]:
        """The other way to keep activations. more: bytes that steps took beside what is computed."""
        cost = self._cost(longest, not self.checkpointing)
        words = f"--gradient_checkpointing {str(not self.checkpointing).lower()}"
        return [Variant(words, self._memory(cost, sharing).peak + more)]

    def _shared(self, cost: StepCost) -> list[Variant]:
        if self.subject.processes == 1:
            return []
        ways = [
            NONE,
            *(zero(stage) for stage in (1, 2, 3)),
            zero(3, offload_optimizer=True, offload_weights=True),
            FSDP,
        ]
        return [Variant(way.name, self._memory(cost, way).peak) for way in ways]

    def _advice(self, cost: StepCost, longest: BatchShape, sharing: Sharing) -> list[Variant]:
        """Changes that make it smaller, each on top of those before it, until it fits."""
        found: list[Variant] = []

        def tried(words: str, cost: StepCost, sharing: Sharing) -> bool:
            peak = self._memory(cost, sharing).peak
            found.append(Variant(words, peak))
            return peak + self.device.reserve(peak) <= self.device.capacity

        for words, changed in self._changes(longest):
            cost = changed()
            if tried(words, cost, sharing):
                return found
        if self.device.kind == "cuda" and not sharing.weights:
            tried(f"--deepspeed zero3 --nproc_per_node {max(8, self.subject.processes)}", cost, zero(3))
        return found

    def _changes(self, longest: BatchShape) -> list[tuple[str, Callable[[], StepCost]]]:
        args, changes = self.subject.args, list[tuple[str, Callable[[], StepCost]]]()
        batch, tuner = longest, dict[str, Any]()

        def change(words: str) -> None:
            changes.append((words, partial(self._cost, batch, True, tuner)))

        if not self.checkpointing:
            change("--gradient_checkpointing true")
        size = args.train.per_device_train_batch_size
        if size > 1:
            length = -(-longest.length // size) if longest.joined else longest.length
            trained = max(1, longest.trained // size)
            batch = dataclasses.replace(longest, rows=1, length=length, trained=trained, masked=longest.joined)
            change("--per_device_train_batch_size 1 (as many rows a step)")
        if args.tuner.tuner_type == "full":
            tuner = {"tuner_type": "lora"}
            change("--tuner_type lora")
        batch = dataclasses.replace(batch, length=max(1, batch.length // 2), trained=max(1, batch.trained // 2))
        change(f"{'--packing_length' if args.train.packing else '--max_length'} {batch.length}")
        return changes

    # -- time ------------------------------------------------------------------------------------------------------

    def _times(self, cost: StepCost, longest: BatchShape, probed: Probed | None) -> Times | None:
        work, validation = self.subject.workload, self.subject.validation
        line = self._line(cost, longest)
        if probed is not None:
            pace = self._measured_pace(line, probed)
        elif self.device.operations:
            pace = Pace(1 / (self.device.operations * _REACHED[self.device.kind]))
        else:
            return None
        share = forward_share(trains_all=cost.trained == cost.parameters, checkpointing=self.checkpointing)
        evaluation, save = 0.0, save_seconds(cost.gradients + cost.optimizer)
        if validation is not None:
            evaluation = evaluation_seconds(validation, line, pace, forward_share=share)
            if probed is not None and probed.evaluation is not None:
                evaluation = probed.evaluation * validation.steps
        if probed is not None and probed.save is not None:
            save = probed.save
        return Times(Schedule.of(work.steps, *self._intervals()), step_seconds(work, line, pace), evaluation, save)

    def _measured_pace(self, line: CostLine, probed: Probed) -> Pace:
        """Of the batches after the first step, which warms up."""
        batches, accumulation = choose(self.subject.workload)
        widths = self.subject.workload.widths_of(batches[accumulation:])
        costs = line.of(self.subject.workload.rows, widths)
        return fit_pace(costs.tolist(), probed.batches[accumulation:], statistics.mean(probed.steps[1:]))

    def _intervals(self) -> tuple[Interval, Interval]:
        """When evaluations and saves come."""
        hf = self.subject.hf
        return (
            self.subject.interval(hf.eval_strategy, hf.eval_steps),
            self.subject.interval(hf.save_strategy, hf.save_steps),
        )

    def _line(self, cost: StepCost, longest: BatchShape) -> CostLine:
        typical = self.subject.workload.typical()
        if typical.length == longest.length:
            typical = self.subject.workload.batch(max(1, longest.length // 2))
        other = self._cost(typical, self.checkpointing)
        return CostLine.through((longest, cost.flops), (typical, other.flops))


def _device(asked: str | None) -> Device:
    if asked is not None:
        found = accelerators.named(asked)
        assert found is not None, "checked with the arguments"
        return Device(found.name, "cuda", found.memory, found.teraflops * 1e12)
    if memory.on_device():
        name = torch.cuda.get_device_name()
        known = accelerators.recognised(name)
        return Device(name, "cuda", memory.capacity_bytes(), known.teraflops * 1e12 if known else 0.0)
    return Device("this machine's CPU", "cpu", memory.capacity_bytes(), _cpu_operations())


def _cpu_operations(size: int = 512, seconds: float = 0.2) -> float:
    """Operations a second of a product of matrices, float32, as fast as this process may."""
    left = torch.ones(size, size)
    left @ left
    count, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        left @ left
        count += 1
    return 2 * size**3 * count / (time.perf_counter() - begin)
