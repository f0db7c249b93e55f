"""What `make submit` says about memory and time before a run starts. It helps or is silent; it never stops a run."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.naming import values_for
from swift_lib.arguments import EstimateArguments, find_spec
from swift_lib.core import accelerators, environment
from swift_lib.core.errors import ArgumentError
from swift_lib.pipelines.stage import ARGUMENTS, merge_arguments

_SECONDS = 120
_WHOLE_BYTES = 2**20  # of local files; more would take longer to tokenise than a submit should, so rows are drawn
_DRAWN_BYTES = 2**26
_DRAWN_ROWS = 1000
_UNKNOWN_GPU = "gpu"
# Where a run writes, and what it looks at beside its training rows: neither changes what a step takes.
_NOT_ASKED = (
    "output_dir", "track_uri", "data_cache_uri", "checkpoint_uri", "resume_from_checkpoint", "eval_dataset",
    "max_contamination",
)  # fmt: skip


def estimate_text(values: Mapping[str, Any], *, here: bool) -> str:
    """The table of `swift estimate` for the train stage, or one line that says why there is none.

    values: the pipeline's parameters. here: the stage runs on this machine.
    """
    model = str(values["base_model"])
    if not (Path(model).is_dir() or (model.count("/") == 1 and not model.startswith((".", "/", "~")))):
        return f"no estimate: {model} is no model folder on this machine"
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "estimate.json"
        try:
            config.write_text(json.dumps(estimate_arguments(values, here=here)), encoding="utf-8")
        except ArgumentError as error:
            return f"no estimate: {error.problems[0]}"
        words = [sys.executable, "-m", "swift_lib", "estimate", "--config", str(config), "--log_level", "error"]
        try:
            done = subprocess.run(
                words, env=environment.child_environment(), capture_output=True, text=True, timeout=_SECONDS,
                check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"no estimate: it took more than {_SECONDS} s; try `swift estimate --model {model}`"
    if done.returncode:
        told = [line for line in done.stderr.splitlines() if line.startswith(("swift:", "--"))]
        return f"no estimate: {told[-1].removeprefix('swift: ') if told else 'it could not be made here'}"
    return done.stdout.strip()


def estimate_arguments(values: Mapping[str, Any], *, here: bool) -> dict[str, Any]:
    """The arguments of `swift estimate`: those of preprocess and train, and what the profile's nodes have."""
    flat: dict[str, Any] = {}
    for stage in ("preprocess", "train"):
        given = values_for(stage, values)
        flat |= merge_arguments(stage, given, given.pop(ARGUMENTS))
    flat = {name: value for name, value in flat.items() if find_spec(EstimateArguments, name) is not None}
    for name in _NOT_ASKED:
        flat.pop(name, None)
    flat |= {"probe": False, "track_uri": "none", "template_parity": "off"}
    flat |= _rows(flat)
    gpus = int(str(values.get("infra_gpus", "0")) or 0)
    if gpus and not here:
        flat |= {"nproc_per_node": gpus, "accelerator": accelerator_of(values)}
    return flat


def accelerator_of(values: Mapping[str, Any]) -> str:
    """The accelerator that the nodes are chosen by, `gpu` where their labels do not tell."""
    labels = values.get("infra_node_selector") or {}
    found = [accelerators.recognised(str(label)) for label in labels.values()]
    return next((entry.name for entry in found if entry is not None), _UNKNOWN_GPU)


def _rows(flat: Mapping[str, Any]) -> dict[str, Any]:
    """What changes in the arguments so that no more rows are tokenised than a submit has time for: none, some, all."""
    train, validation = flat.get("dataset", []), flat.get("val_dataset", [])
    files = [Path(source.partition("#")[0]) for source in (*train, *validation)]
    nothing = {"dataset": [], "val_dataset": [], "split_dataset_ratio": 0.0, "columns": {}, "interleave_prob": []}
    if not files or not all(file.is_file() for file in files):
        return nothing
    size = sum(file.stat().st_size for file in files)
    if size <= _WHOLE_BYTES:
        return {}
    are_lines = all(file.suffix == ".jsonl" for file in files) and not any("#" in source for source in train)
    if size > _DRAWN_BYTES or not are_lines or validation or flat.get("interleave_prob"):
        return nothing
    counts = [_lines(file) for file in files]
    parts = [max(1, _DRAWN_ROWS * count // max(1, sum(counts))) for count in counts]
    drawn = [f"{file}#{part}" for file, part in zip(files, parts, strict=True)]
    return {"dataset": drawn, "total_rows": sum(counts)}


def _lines(file: Path) -> int:
    with file.open("rb") as stream:
        return sum(not line.isspace() for line in stream)
