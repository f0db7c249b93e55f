"""The table that `swift estimate` prints."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from swift_lib.core.progress import seconds_text
from swift_lib.pipelines.training_subject import Subject
from swift_lib.trainers.memory import GIB

if TYPE_CHECKING:
    from swift_lib.pipelines.estimate import EstimateResult

_WIDTH = 24


def report(subject: Subject, result: "EstimateResult") -> str:
    """All of it as text, ending with a newline."""
    blocks = [_head(subject, result), _memory(subject, result), _more(result), _time(result), _notes(subject, result)]
    return "\n\n".join("\n".join(lines) for block in blocks if (lines := list(block))) + "\n"


def gib(size: float) -> str:
    """Bytes as GiB: 0.03, 1.27, 31.4."""
    value = size / GIB
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _head(subject: Subject, result: "EstimateResult") -> Iterator[str]:
    args, cost, rows = subject.args, result.cost, subject.rows
    where = f"{subject.processes} processes, each on " if subject.processes > 1 else ""
    capacity = result.device.capacity
    device = result.device.name + (f" ({gib(capacity)} GiB)" if capacity else "")
    yield f"{args.model.model}, {args.tuner.tuner_type}, on {where}{device}"
    share = 100 * cost.trained / max(1, cost.parameters)
    yield _line("parameters", f"{cost.parameters:,}", f"of which {cost.trained:,} are trained ({share:.3g}%)")
    if rows.assumed:
        yield _line("rows", "", f"none given; each is taken to have {int(rows.lengths[0]):,} tokens")
    else:
        drawn = " (those given are a sample)" if subject.options.total_rows else ""
        units = f"{rows.count:,}{drawn}" + (f" in {len(rows):,} packs" if len(rows) != rows.count else "")
        yield _line("rows", "", f"{units}, of {int(rows.lengths.min()):,} to {int(rows.lengths.max()):,} tokens")
    batch = result.batch
    each = f"one sequence of {batch.tokens:,} tokens" if batch.joined else f"{batch.rows} x {batch.length:,} tokens"
    yield _line("longest batch", "", f"{each}; {subject.workload.accumulation} batches a step and process")


def _memory(subject: Subject, result: "EstimateResult") -> Iterator[str]:
    found, cost = result.memory, result.cost
    yield "memory of a process, GiB"
    yield _line("  weights", gib(found.weights + found.gathered), str(subject.info.torch_dtype).removeprefix("torch."))
    yield _line("  gradients", gib(found.gradients))
    yield _line("  optimizer state", gib(found.optimizer))
    kept = "layers are computed again" if subject.hf.gradient_checkpointing else "no gradient checkpointing"
    yield _line("  activations", gib(found.saved), f"kept for the backward pass; {kept}")
    yield _line("  loss", gib(found.loss), "logits of some trained tokens at a time; gone before the backward pass")
    yield _line("  data", gib(_batch_bytes(result)), "the batch's numbers; rows are read from a mapped file")
    rest = found.other + (result.peak - found.peak)
    if rest > 0 and (found.other or result.probed):
        yield _line("  libraries and gaps", gib(rest), "Python, torch, transformers; what an allocator cannot use")
    phase = "while the loss is computed" if found.peaks_in_loss else "in the backward pass"
    yield _line("  peak", gib(result.peak), phase + ("; measured by steps of this training" if result.probed else ""))
    if reserve := result.device.reserve(result.peak):
        yield _line("  driver and gaps", gib(reserve))
    verdict = "fits" if result.fits else "DOES NOT FIT"
    capacity = result.device.capacity
    yield _line("  needed", gib(result.needed), f"of {gib(capacity)}: {verdict}" if capacity else "")
    assert cost.parameters >= cost.trained


def _more(result: "EstimateResult") -> Iterator[str]:
    for title, variants in (
        ("the same otherwise, peak in GiB", result.others),
        ("shared by the processes, peak in GiB", result.shared),
        ("what to change, one after the other, peak in GiB", result.advice),
    ):
        if variants:
            yield title
            width = max(_WIDTH, *(len(variant.words) + 4 for variant in variants))
            yield from (f"  {variant.words:<{width - 2}}{gib(variant.peak):>8}" for variant in variants)


def _time(result: "EstimateResult") -> Iterator[str]:
    times = result.times
    if times is None:
        yield "time: nobody knows how fast this device is; run a few steps on it with --probe true"
        return
    plan = times.schedule
    how = "measured by steps of this training" if result.probed else "a guess from what the device can compute at most"
    yield f"time ({how})"
    speed = result.tokens_per_step / times.step
    yield _line("  a step", _seconds(times.step), f"x {plan.steps:,}; {speed:,.0f} tokens/s over all processes")
    if plan.evaluations:
        yield _line("  an evaluation", _seconds(times.evaluation), f"x {plan.evaluations:,}")
    if plan.saves:
        yield _line("  a save", _seconds(times.save), f"x {plan.saves:,}")
    yield _line("  tokens", f"{result.tokens_per_step * plan.steps:,.0f}", "trained or read, without padding")
    yield _line("  in all", seconds_text(times.total))


def _notes(subject: Subject, result: "EstimateResult") -> Iterator[str]:
    if subject.rows.assumed and subject.hf.max_steps <= 0:
        yield "The number of steps means nothing without rows: give --dataset or --cached_dataset."
    if not result.exact:
        yield "This model could not be gone through layer by layer; activations are those of a plain transformer."
    if subject.meta.is_multimodal:
        yield "Images are not counted."
    name = subject.args.optimization.optimizer
    if name not in (None, "default"):
        yield f"--optimizer {name}: its state is counted as that of --optim {subject.hf.optim.value}."
    if subject.args.model.adapters:
        yield "--adapters: counted as a new adapter of the given rank."


def _batch_bytes(result: "EstimateResult") -> int:
    numbers = 3  # ids, labels, and a mask or positions
    return numbers * 8 * result.batch.tokens


def _line(name: str, value: str, words: str = "") -> str:
    return f"{name:<{_WIDTH}}{value:>8}  {words}".rstrip() if value else f"{name:<{_WIDTH}}{words}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < 60 else seconds_text(seconds)
