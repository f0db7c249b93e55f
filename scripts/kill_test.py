"""Kill trainings at random points and run them again, until each ends; the end must be as if nothing had been.

Over {rows apart, packed} x {1, 2 processes} x {LoRA, full}, in the first and in later epochs, SIGKILL and SIGTERM by
turns, while it starts, in a step, in the middle of a save, at the end. Compared with a run that nobody killed: the rows
of every step that was trained (also in tries that were killed), the logged losses, and the final weights bit for bit.
Shuffling and dropout are on. Prints a table; exit status 1 where anything differs.

    python scripts/kill_test.py --kills 100 [--seed 0] [--processes 1 2] [--short]

--short: four of the eight cases, which a test runs with eight kills.
"""

import argparse
import hashlib
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib import util
from itertools import product
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "scripts"))

from forked_swift import Group, import_everything, start  # noqa: E402 - found by the line above

ROWS, EPOCHS = 40, 3
LEAVE_SECONDS = 10.0
END_SECONDS = 300.0
NUMBERS = ("loss", "grad_norm", "learning_rate", "eval_loss", "train_loss")


@dataclass(frozen=True)
class Case:
    """One kind of training."""

    packed: bool
    processes: int
    tuner: str

    def __str__(self) -> str:
        return f"{'packed' if self.packed else 'apart'}-{self.processes}p-{self.tuner}"


@dataclass
class Outcome:
    """What one case's kills came to. kills: by signal and phase; problems: what differs, [] where nothing does."""

    case: Case
    kills: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    slowest_leave: float = 0.0


def prepare(folder: Path) -> tuple[Path, Path]:
    """A tiny model whose attention drops out, and rows that hold their number."""
    spec = util.spec_from_file_location("tiny", ROOT / "tests" / "tiny.py")
    assert spec and spec.loader
    tiny = util.module_from_spec(spec)
    spec.loader.exec_module(tiny)
    model = tiny.make_tiny_model(folder)
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "attention_dropout": 0.1}))
    rows = folder / "rows.jsonl"
    lines = [
        {"messages": [{"role": "user", "content": f"say #{at}#"}, {"role": "assistant", "content": "x" * (1 + at % 7)}]}
        for at in range(ROWS)
    ]
    rows.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return model, rows


def words(case: Case, model: Path, rows: Path, output: Path) -> list[str]:
    """The command line; the rows of a step are the same for any number of processes."""
    flags: dict[str, Any] = {
        "model": model, "dataset": rows, "val_dataset": rows, "output_dir": output, "num_train_epochs": EPOCHS,
        "per_device_train_batch_size": 1 if case.packed else 2, "gradient_accumulation_steps": 2 // case.processes,
        "per_device_eval_batch_size": 8, "save_steps": 2, "eval_strategy": "steps", "eval_steps": 3,
        "logging_steps": 3, "learning_rate": 1e-3, "gradient_checkpointing": "false", "tuner_type": case.tuner,
        "lora_dropout": 0.1, "save_total_limit": 3, "track_uri": "none", "use_cpu": "true",
        "external_plugins": ROOT / "scripts" / "record_rows.py",
    }  # fmt: skip
    if case.packed:
        flags |= {"packing": "true", "packing_length": 192}
    return ["sft", *(word for name, value in flags.items() for word in (f"--{name}", str(value)))]


# -- aims: when to kill ------------------------------------------------------------------------------------------------


def wait_until(group: Group, condition: Callable[[], bool]) -> bool:
    """False where the command ended before."""
    while not condition():
        if not group.running():
            return False
        time.sleep(0.002)
    return True


def steps_recorded(record: Path) -> int:
    """The last step that some try has trained, from 1."""
    lines = record.read_text().splitlines() if record.exists() else []
    return max((json.loads(line)["step"] + 1 for line in lines[-4:]), default=0)


def aim(phase: str, group: Group, output: Path, record: Path, steps: int, chance: random.Random) -> bool:
    """Wait for the moment; False where it does not come."""
    if phase == "start":
        time.sleep(chance.uniform(0, 2.0))
        return bool(group.running())
    if phase == "end":
        ready = wait_until(group, lambda: any(output.glob(".swift-final")) or (output / "final").exists())
        time.sleep(chance.uniform(0, 0.3))
        return ready and bool(group.running())
    done = steps_recorded(record)
    target = chance.randint(min(done + 1, steps), min(done + 12, steps))
    size = record.stat().st_size if record.exists() else 0
    if phase == "step":
        ready = wait_until(
            group, lambda: record.exists() and record.stat().st_size > size and steps_recorded(record) >= target
        )
        time.sleep(chance.uniform(0, 0.05))
    else:
        ready = wait_until(group, lambda: any(_torn(output, target)))
        time.sleep(chance.uniform(0, 0.02))
    return ready and bool(group.running())


def _torn(output: Path, at_least: int) -> Iterator[Path]:
    for folder in output.glob("checkpoint-*"):
        if not (folder / "manifest.json").exists() and int(folder.name.partition("-")[2]) >= at_least:
            yield folder


# -- comparing ---------------------------------------------------------------------------------------------------------


def tries(record: Path) -> dict[int, dict[int, list[list[int]]]]:
    """Process id to step to the rows of its micro-batches, in the order in which they were trained."""
    found: dict[int, dict[int, list[list[int]]]] = {}
    for line in record.read_text().splitlines():
        try:
            entry = json.loads(line)
        except ValueError:  # killed while it was written
            continue
        found.setdefault(entry["pid"], {}).setdefault(entry["step"], []).append(entry["rows"])
    return found


def differing_rows(case: Case, whole: Path, killed: Path) -> Iterator[str]:
    """Steps that did not train the rows of the run that nobody killed."""
    for rank in range(case.processes):
        (expected,) = tries(Path(f"{whole}.{rank}")).values()
        done: set[int] = set()
        for pid, steps in tries(Path(f"{killed}.{rank}")).items():
            last = max(steps)
            for step, rows in steps.items():
                if rows != expected[step][: len(rows)] or (step < last and rows != expected[step]):
                    yield f"process {rank} ({pid}), step {step}: {rows} instead of {expected[step]}"
                if rows == expected[step]:
                    done.add(step)
        if missing := set(expected) - done:
            yield f"process {rank}: steps {sorted(missing)} were never trained"


def records(output: Path) -> list[tuple[int, str, float]]:
    """(step, name, value) of every logged number that does not tell a time or a size."""
    found = []
    for line in (output / "metrics.jsonl").read_text().splitlines():
        entry = json.loads(line)
        found += [(entry.get("step"), name, entry[name]) for name in NUMBERS if name in entry]
    return found


def weights(output: Path) -> dict[str, str]:
    """Name to sha256 of the final weights."""
    files = sorted((output / "final").glob("*.safetensors"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def differences(case: Case, folder: Path) -> Iterator[str]:
    """What differs between the folders `whole` and `killed`."""
    yield from differing_rows(case, folder / "whole.rows", folder / "killed.rows")
    whole, killed = folder / "whole", folder / "killed"
    if not weights(whole) or weights(whole) != weights(killed):
        yield f"the final weights differ: {weights(whole)}, {weights(killed)}"
    if records(whole) != records(killed):
        yield f"the logged numbers differ: {sorted(set(records(whole)) ^ set(records(killed)))[:4]}"


# -- running -----------------------------------------------------------------------------------------------------------


def run_case(case: Case, kills: int, folder: Path, made: tuple[Path, Path], chance: random.Random) -> Outcome:
    """One run that nobody kills, one that is killed so many times."""
    outcome = Outcome(case)
    folder.mkdir(parents=True)

    def command(name: str) -> Group:
        added = {"KILL_TEST_ROWS": str(folder / f"{name}.rows")}
        return start(words(case, *made, folder / name), folder / f"{name}.log", processes=case.processes, added=added)

    whole = command("whole")
    if not whole.wait(END_SECONDS) or whole.code:
        outcome.problems.append(f"the run that nobody killed failed: {_tail(whole.log)}")
        return outcome
    record = folder / "whole.rows.0"
    steps = steps_recorded(record)
    per_epoch = steps // EPOCHS
    for number in range(kills):
        signum = (signal.SIGKILL, signal.SIGTERM)[(number + chance.randint(0, 1)) % 2]
        phase = chance.choices(("start", "step", "save", "end"), (2, 5, 4, 1))[0]
        group = command("killed")
        if not aim(phase, group, folder / "killed", folder / "killed.rows.0", steps, chance):
            group.wait(END_SECONDS)
            if group.code:
                outcome.problems.append(f"failed by itself: {_tail(group.log)}")
                return outcome
            outcome.problems += ended(case, folder)
            continue
        epoch = "first epoch" if steps_recorded(folder / "killed.rows.0") < per_epoch else "later"
        outcome.kills[f"{signal.Signals(signum).name} {phase}"] += 1
        outcome.kills[epoch] += 1
        outcome.problems += kill(group, signum, phase, outcome, chance)
        if (folder / "killed" / "manifest.json").exists():  # the signal came too late
            outcome.problems += ended(case, folder)
    if not (folder / "killed").exists():
        return outcome
    last = command("killed")
    if not last.wait(END_SECONDS) or last.code:
        outcome.problems.append(f"could not be ended: {_tail(last.log)}")
        return outcome
    outcome.problems += ended(case, folder)
    return outcome


def ended(case: Case, folder: Path) -> list[str]:
    """Compare a run that came to its end, and make way for another one."""
    found = list(differences(case, folder))
    if not found:
        shutil.rmtree(folder / "killed")
        for path in folder.glob("killed.rows.*"):
            path.unlink()
    return found


def kill(group: Group, signum: int, phase: str, outcome: Outcome, chance: random.Random) -> list[str]:
    """Send the signal to one process or to all, and see how they end."""
    began = time.monotonic()
    group.send(signum, None if chance.random() < 0.5 else [chance.choice(group.pids)])
    ended = group.wait(60.0)
    if not ended:
        group.send(signal.SIGKILL)
        group.wait(10.0)
        return [f"did not end after {signum}: {_tail(group.log)}"]
    if signum != signal.SIGTERM:
        return []
    seconds = time.monotonic() - began
    outcome.slowest_leave = max(outcome.slowest_leave, seconds)
    problems = [] if seconds < LEAVE_SECONDS else [f"left {seconds:.1f} s after SIGTERM: {_tail(group.log)}"]
    # At the start a process may not listen yet, and there is nothing to save.
    expected = (0, 128 + signal.SIGTERM, *([-signal.SIGTERM] if phase == "start" else []))
    unexpected = [code for code in group.status.values() if code not in expected]
    return problems + [f"status {code} after SIGTERM: {_tail(group.log)}" for code in unexpected]


def _tail(log: Path) -> str:
    return log.read_text()[-1500:]


# One of each value beside one of each other.
SHORT = (Case(False, 1, "lora"), Case(True, 1, "full"), Case(False, 2, "full"), Case(True, 2, "lora"))


def run(kills: int, folder: Path, cases: Sequence[Case], seed: int = 0) -> list[Outcome]:
    """Every case, with its share of the kills."""
    chance = random.Random(seed)
    made = prepare(folder)
    import_everything()
    outcomes = []
    for number, case in enumerate(cases):
        share = kills // len(cases) + (number < kills % len(cases))
        began = time.monotonic()
        outcome = run_case(case, share, folder / str(case), made, chance)
        outcomes.append(outcome)
        told = ", ".join(f"{name} {count}" for name, count in sorted(outcome.kills.items()))
        print(f"{case}: {len(outcome.problems)} differences; {told}; {time.monotonic() - began:.0f} s", flush=True)
        for problem in outcome.problems:
            print(f"  {problem}", flush=True)
    return outcomes


def main() -> int:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--folder", type=Path, help="keep the runs here")
    options = parser.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp(prefix="kill-test-"))
    folder.mkdir(parents=True, exist_ok=True)
    every = [Case(*values) for values in product((False, True), options.processes, ("lora", "full"))]
    outcomes = run(options.kills, folder, SHORT if options.short else every, options.seed)
    killed = sum(count for outcome in outcomes for name, count in outcome.kills.items() if name.startswith("SIG"))
    wrong = sum(len(outcome.problems) for outcome in outcomes)
    slowest = max(outcome.slowest_leave for outcome in outcomes)
    print(f"{killed} kills, {wrong} differences; slowest end after SIGTERM: {slowest:.1f} s")
    if options.kills and not killed:
        return 1
    if not options.folder:
        shutil.rmtree(folder)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
