"""Four ways to declare 300 arguments: start-up, flat names, YAML, all errors at once with hints, lines for us to keep.

    python benchmarks/arguments_startup.py [--runs 9]

Each candidate is a generated script with the same 300 fields in ten groups, run as a fresh process. `start-up` is the
median of a whole run that parses five arguments, less the median of an empty Python; `mistakes` is how many of five
mistakes on one line one run reports, `hints` how many of two misspellings, each alone on a line, it corrects.

`lines of ours` is what we would maintain to get this far: the glue in the scripts below, or our parser's modules. With
any of the four come the table of transformers' fields, args.json and the reference page (hf, store, text). What the
libraries' few lines do not do, and our parser does: choices asked of registries, older names, words for None, KFP's
1.0 for 1, rules across groups reported with the rest, duplicate YAML keys.
"""

import argparse
import importlib.util
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OWN_MACHINERY = ["spec", "coerce", "command", "parse"]

HEAD = ["model", "lora_rank", "learning_rate", "loss_type", "dataset"]
GOOD = "--model m --lora_rank 16 --learning_rate 1e-4 --loss_type infonce --f299 3"
BAD = "--learning_rate fast --lora_rank 0 --lora_rnk 3 --loss_type cross_entrop"
MISTAKES = {
    "type": r"fast",
    "bound": r"(?s)lora[_-]rank.{0,200}(at least|greater than|>=|ge\b|minimum)",
    "unknown": r"lora[_-]rnk",
    "choice": r"cross_entrop\b",
    "required": r"(?s)(model.{0,80}(required|missing|Missing))|((required|missing|Missing).{0,80}model)",
}
SPELLED = {
    "--model m --lora_rnk 3": r"(?is)(did you mean|similar|closest|perhaps).{0,300}lora[_-]rank",
    "--model m --loss_type cross_entrop": r"(?is)(did you mean|similar|closest|perhaps).{0,300}cross_entropy",
}

FIELDS = ["int", "float", "str", "bool", "list[str]", "int | None"]
DEFAULTS = ["1", "0.5", "'a'", "False", "['a']", "None"]


def groups(declare: str, head: list[str], decorator: str, mutable: str) -> str:
    """Ten classes of thirty fields; `declare` formats a field from its type and default."""
    lines, number = [], 5
    for group in range(10):
        lines += [decorator, f"class G{group}:", '    """A group."""']
        if group == 0:
            lines += [f"    {line}" for line in head]
        for _ in range(25 if group == 0 else 30):
            kind, default = FIELDS[number % 6], DEFAULTS[number % 6]
            form = mutable if default.startswith("[") else declare
            lines.append(
                f"    f{number:03d}: {kind} = " + form.format(default=default, help=f"Meaning of field {number}.")
            )
            number += 1
    return "\n".join(lines)


MEMBERS = "\n".join(f"    g{n}: G{n}" for n in range(10))


def own() -> tuple[str, int]:
    head = [
        "model: str = arg(REQUIRED, 'Model.')",
        "lora_rank: int = arg(8, 'Rank.', ge=1)",
        "learning_rate: float = arg(1e-4, 'Rate.', gt=0)",
        "loss_type: str = arg('cross_entropy', 'Loss.', choices=('cross_entropy', 'infonce'))",
        "dataset: list[str] = arg([], 'Data.')",
    ]
    declare = "arg({default}, '{help}')"
    text = f"""
import sys
from dataclasses import dataclass
from swift_lib.arguments.command import Command
from swift_lib.arguments.parse import parse
from swift_lib.arguments.spec import REQUIRED, arg
from swift_lib.core.errors import SwiftError
{groups(declare, head, "@dataclass(frozen=True, kw_only=True)", declare)}
@dataclass(frozen=True, init=False)
class All(Command):
{MEMBERS}
try:
    args = parse(All, sys.argv[1:])
except SwiftError as error:
    sys.exit(str(error))
assert args.g0.lora_rank in (16, 32), args
"""
    machinery = [(ROOT / "swift_lib/arguments" / f"{name}.py").read_text(encoding="utf-8") for name in OWN_MACHINERY]
    return text, sum(text.count("\n") for text in machinery)


def pydantic() -> tuple[str, int]:
    head = [
        "model: str = Field(description='Model.')",
        "lora_rank: int = Field(8, ge=1, description='Rank.')",
        "learning_rate: float = Field(1e-4, gt=0, description='Rate.')",
        "loss_type: Literal['cross_entropy', 'infonce'] = Field('cross_entropy', description='Loss.')",
        "dataset: list[str] = Field(default_factory=list, description='Data.')",
    ]
    # pydantic has no command line: splitting words, flat names, YAML and telling the errors is glue.
    glue = """
def main(words):
    given, rest = {}, list(words)
    while rest:
        name = rest.pop(0)[2:].replace("-", "_")
        values = []
        while rest and not rest[0].startswith("--"):
            values.append(rest.pop(0))
        given[name] = values[0] if len(values) == 1 else values
    if "config" in given:
        import yaml
        given = yaml.safe_load(open(given.pop("config"))) | given
    found, problems = {}, []
    for field in dataclasses.fields(All):
        names = {inner.name for inner in dataclasses.fields(field.type)}
        own = {name: given.pop(name) for name in list(given) if name in names}
        try:
            found[field.name] = field.type(**own)
        except ValidationError as error:
            problems += [f"--{'.'.join(map(str, e['loc']))}: {e['msg']}, got {e['input']!r}" for e in error.errors()]
    problems += [f"--{name}: unknown" for name in given]
    if problems:
        sys.exit("\\n".join(problems))
    return All(**found)
"""
    text = f"""
import dataclasses, sys
from typing import Literal
from pydantic import Field, ValidationError
from pydantic.dataclasses import dataclass
{
        groups(
            "Field({default}, description='{help}')",
            head,
            "@dataclass(frozen=True, kw_only=True)",
            "Field(default_factory=lambda: {default}, description='{help}')",
        )
    }
@dataclasses.dataclass(frozen=True)
class All:
{MEMBERS}
{glue}
assert main(sys.argv[1:]).g0.lora_rank in (16, 32)
"""
    return text, glue.count("\n")


PLAIN_HEAD = [
    "model: str",
    "lora_rank: int = 8",
    "learning_rate: float = 1e-4",
    "loss_type: Literal['cross_entropy', 'infonce'] = 'cross_entropy'",
    "dataset: list[str] = field(default_factory=list)",
]
PLAIN = groups(
    "{default}", PLAIN_HEAD, "@dataclass(frozen=True, kw_only=True)", "field(default_factory=lambda: {default})"
)


def tyro() -> tuple[str, int]:
    glue = """
def defaults(words):
    if "--config" not in words:
        return words
    import yaml
    at = words.index("--config")
    flat = yaml.safe_load(open(words[at + 1]))
    return [f"--{name}={value}" for name, value in flat.items()] + words[:at] + words[at + 2:]
args = tyro.cli(tyro.conf.OmitArgPrefixes[All], args=defaults(sys.argv[1:]))
"""
    text = f"""
import sys
from dataclasses import dataclass, field
from typing import Literal
import tyro
{PLAIN}
@dataclass(frozen=True)
class All:
{MEMBERS}
{glue}
assert args.g0.lora_rank in (16, 32)
"""
    return text, glue.count("\n")


def jsonargparse() -> tuple[str, int]:
    glue = """
parser = jsonargparse.ArgumentParser()
parser.add_argument("--config", action="config")
for group in (G0, G1, G2, G3, G4, G5, G6, G7, G8, G9):
    parser.add_class_arguments(group)
args = parser.parse_args()
"""
    text = f"""
from dataclasses import dataclass, field
from typing import Literal
import jsonargparse
{PLAIN.replace("lora_rank: int = 8", "lora_rank: jsonargparse.typing.PositiveInt = 8")}
{glue}
assert args.lora_rank in (16, 32)
"""
    return text, glue.count("\n")


def run(script: Path, words: str) -> tuple[float, int, str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "NO_COLOR": "1"}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(script), *words.split()], capture_output=True, text=True, env=environment
    )
    return time.perf_counter() - started, done.returncode, done.stdout + done.stderr


def start_ups(scripts: dict[str, Path], runs: int) -> dict[str, float]:
    """Median seconds by name; the candidates take turns, so that whatever else the machine does hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in scripts}
    for turn in range(runs + 1):
        for name, script in scripts.items():
            seconds = run(script, GOOD)[0]
            if turn:  # the first turn writes .pyc files
                times[name].append(seconds)
    return {name: statistics.median(values) for name, values in times.items()}


def reports(script: Path, config: Path) -> tuple[str, str, int, int]:
    """Whether flat names and YAML work (yes or no), mistakes reported of 5, hints given of 2."""
    flat, yaml = (run(script, words)[1] == 0 for words in (GOOD, f"--config {config}"))
    told = run(script, BAD)[2]
    mistakes = sum(bool(re.search(pattern, told)) for pattern in MISTAKES.values())
    hints = sum(bool(re.search(pattern, run(script, words)[2])) for words, pattern in SPELLED.items())
    return "yes" if flat else "no", "yes" if yaml else "no", mistakes, hints


CANDIDATES = {"own parser": own, "pydantic": pydantic, "tyro": tyro, "jsonargparse": jsonargparse}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        scripts = {"an empty Python": Path(folder, "empty.py")}
        scripts["an empty Python"].write_text("")
        config = Path(folder, "run.yaml")
        config.write_text("model: m\nlora_rank: 32\nf299: 3\n")
        lines = {}
        for name, make in CANDIDATES.items():
            if make is not own and importlib.util.find_spec(name) is None:
                print(f"{name} is not installed: skipped")
                continue
            text, lines[name] = make()
            scripts[name] = Path(folder, f"use_{name.split()[0]}.py")
            scripts[name].write_text(text)
        seconds = start_ups(scripts, runs)
        base = seconds.pop("an empty Python")
        print(
            f"{'candidate':<14}{'start-up':>10}{'flat':>6}{'YAML':>6}{'mistakes':>10}{'hints':>7}{'lines of ours':>15}"
        )
        for name, whole in seconds.items():
            flat, yaml, mistakes, hints = reports(scripts[name], config)
            shown = f"{(whole - base) * 1000:>7.0f} ms{flat:>6}{yaml:>6}{mistakes:>8}/5{hints:>5}/2{lines[name]:>15}"
            print(f"{name:<14}{shown}")
    print(f"An empty Python takes {base * 1000:.0f} ms; medians of {runs} runs.")


if __name__ == "__main__":
    main()
