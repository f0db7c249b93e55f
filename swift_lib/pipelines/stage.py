"""What the body of a component calls: a form's values become arguments, the command runs, its figures go back to KFP.

A component's parameters can only be str, int, float, bool, list and dict and never None; one `arguments: dict` carries
every other argument by its flat name. This module is the only place that knows both sides.
"""

import dataclasses
import importlib
import json
import logging
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from swift_lib.arguments import Command, field_specs
from swift_lib.arguments.spec import UNSET, FieldSpec
from swift_lib.core import environment
from swift_lib.core.errors import ArgumentError, OutputError, SwiftError
from swift_lib.core.files import write_atomic
from swift_lib.core.imports import keep_out_unused
from swift_lib.core.logs import setup_logging
from swift_lib.core.manifest import content_hash, has_manifest, read_manifest, verify
from swift_lib.core.outputs import is_in_progress
from swift_lib.core.signals import raise_on_signals
from swift_lib.pipelines import launch
from swift_lib.pipelines.stage_output import METRICS_FILE

logger = logging.getLogger(__name__)

ERROR_FILE = "error.json"
RECORD_FILE = "stage.json"
ARGUMENTS = "arguments"
SUMMARY = "summary"


class Artifact(Protocol):
    """The part of a KFP artifact that is used here."""

    path: str
    uri: str
    metadata: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Stage:
    """How one component maps to one command.

    `inputs` names the argument that receives the path of an input artifact; `reports` names the file of the output
    folder that is shown as an HTML artifact.
    """

    arguments: str
    main: str
    output: str
    command: str = ""
    """The word of the command line, where several processes may carry it out."""
    inputs: Mapping[str, str] = dataclasses.field(default_factory=dict)
    reports: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def arguments_class(self) -> type[Command]:
        """The argument class of the command."""
        found: type[Command] = getattr(importlib.import_module("swift_lib.arguments"), self.arguments)
        return found


STAGES: dict[str, Stage] = {
    "preprocess": Stage(
        "PreprocessArguments",
        "swift_lib.pipelines.preprocess:preprocess_main",
        output="tokens",
        reports={"preview": "preview.html"},
    ),
    "train": Stage(
        "SftArguments",
        "swift_lib.pipelines.sft:sft_main",
        output="trained",
        command="sft",
        inputs={"tokens": "cached_dataset"},
        reports={"curves": "curves.html"},
    ),
    "merge_lora": Stage(
        "ExportArguments", "swift_lib.pipelines.export:export_main", output="merged", inputs={"trained": "adapters"}
    ),
    "evaluate": Stage(
        "EvalArguments",
        "swift_lib.pipelines.evaluate:eval_main",
        output="results",
        inputs={"merged": "model"},
        reports={"report": "report.html"},
    ),
    "reward_sampling": Stage(
        "SamplingArguments",
        "swift_lib.pipelines.sample:sampling_main",
        output="samples",
        inputs={"merged": "model"},
        reports={"report": "report.html"},
    ),
    "serve": Stage(
        "ServeArguments", "swift_lib.pipelines.serve:serve_main", output="measurements", inputs={"merged": "model"}
    ),
}


def sentinel(spec: FieldSpec) -> Any:
    """What stands for None on a form: what the field declares, else the empty value of its type."""
    if spec.none_as is not UNSET:
        return spec.none_as
    return {int: 0, float: 0.0, str: "", bool: False}.get(spec.inner_type, "")


def form_default(spec: FieldSpec) -> Any:
    """The default of a field as a form shows it."""
    return sentinel(spec) if spec.default is None else spec.fresh_default()


def merge_arguments(command: str, hoisted: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """The flat arguments of a command from its own parameters and from its `arguments` dictionary.

    A parameter at its default counts as not given. A name given in both places with different values is an error; all
    of them are reported together.
    """
    specs = {spec.name: spec for spec in field_specs(STAGES[command].arguments_class())}
    given: dict[str, Any] = {}
    problems = []
    for name, value in hoisted.items():
        spec = specs[name]
        if spec.optional and value == sentinel(spec):
            value = None
        if spec.required or value != spec.default:
            given[name] = value
    for name, value in extra.items():
        if name in given and given[name] != value:
            problems.append(f"{name}: {given[name]!r} as a parameter and {value!r} in `{ARGUMENTS}`; give it once")
        given[name] = value
    if problems:
        raise ArgumentError(problems)
    return given


def run_stage(command: str, values: Mapping[str, Any]) -> None:
    """Run the command of a component on `values`, which holds every parameter and artifact of its signature.

    Where the command fails, ends the process with one paragraph and leaves it in a file beside the output. A folder
    that an earlier try of the same run completed with the same arguments and inputs is kept.
    """
    stage = STAGES[command]
    output = Path(values[stage.output].path)
    error_file = output.parent / ERROR_FILE
    error_file.unlink(missing_ok=True)
    component_logging()
    keep_out_unused()
    try:
        with raise_on_signals():
            _run(command, stage, values, output)
    except SwiftError as error:
        output.parent.mkdir(parents=True, exist_ok=True)
        _write(error_file, {"stage": command, "error": str(error)})
        logger.error("%s failed: %s", command, error)
        sys.exit(error.exit_code)


def component_logging() -> None:
    """Our log lines in place of those of KFP's executor, whose handler would print each of them a second time."""
    root = logging.getLogger()
    for handler in root.handlers:
        if type(handler) is logging.StreamHandler and handler.stream is sys.stdout:
            root.removeHandler(handler)
    setup_logging(environment.get("SWIFT_LOG_LEVEL", "info"))


def _run(command: str, stage: Stage, values: Mapping[str, Any], output: Path) -> None:
    flat = _flat_arguments(command, stage, values, output)
    key = content_hash({"arguments": flat, "inputs": [_digest(values[name].path) for name in stage.inputs]})
    record_file = output.parent / RECORD_FILE
    if has_manifest(output) and not is_in_progress(output):
        record = _earlier_record(record_file, key, output)
        logger.info("KEPT %s: an earlier try of this run completed it with the same arguments and inputs", output)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        _write(record_file, {"key": key, "metrics": {}})
        result = _result(stage, stage.arguments_class().from_flat(flat), output)
        problems = verify(output, hashes=False)
        if problems:
            raise OutputError(f"{command} left no whole output: {'; '.join(problems)}", where=str(output))
        record = {"key": key, "metrics": dict(numbers(result))}
        _write(record_file, record)
    _publish(stage, values, output, record)


def _result(stage: Stage, arguments: Any, output: Path) -> Any:
    """What the command returns; of one that several processes carry out, the figures that it leaves."""
    started = launch.plan_of(_with_all_gpus(arguments.to_flat())) if stage.command in launch.COMMANDS else None
    if started is None:
        module, _, attribute = stage.main.partition(":")
        return getattr(importlib.import_module(module), attribute)(arguments)
    with tempfile.TemporaryDirectory(prefix="swift-arguments-") as folder:
        file = Path(folder) / "arguments.json"
        _write(file, {name: value for name, value in arguments.to_flat().items() if value is not None})
        launch.run_workers(started, [stage.command, "--config", str(file)])
    return Measured(json.loads((output / METRICS_FILE).read_text(encoding="utf-8")))


@dataclasses.dataclass(frozen=True)
class Measured:
    """The figures of a command that ran in other processes."""

    metrics: dict[str, float]


def _with_all_gpus(flat: Mapping[str, Any]) -> dict[str, Any]:
    """A pod has the GPUs that it asked for, so all of them are used where nobody says how many."""
    given = flat["nproc_per_node"] or environment.launch().nproc_per_node
    return dict(flat) if given else {**flat, "nproc_per_node": max(1, launch.visible_gpus())}


def _flat_arguments(command: str, stage: Stage, values: Mapping[str, Any], output: Path) -> dict[str, Any]:
    artifacts = {stage.output, SUMMARY, *stage.inputs, *stage.reports}
    hoisted = {name: value for name, value in values.items() if name not in {*artifacts, ARGUMENTS}}
    flat = merge_arguments(command, hoisted, values.get(ARGUMENTS, {}))
    for artifact, argument in stage.inputs.items():
        flat[argument] = values[artifact].path
    if command == "merge_lora":
        flat.update(_weights(flat.pop("adapters"), flat["model"]))
    flat["output_dir"] = str(output)
    flat.setdefault("track_run_key", environment.kfp_run_id() or _run_folder(output).name)
    return flat


def _weights(trained: str, base: str) -> dict[str, Any]:
    """What to merge: an adapter with its base, or full weights, which pass through.

    An adapter is what has adapter_config.json, or, in a form of a plugin's own, no config.json of a model.
    """
    final = Path(trained) / "final"
    if (final / "config.json").is_file() and not (final / "adapter_config.json").is_file():
        return {"model": str(final), "adapters": [], "merge_lora": True}
    return {"model": base, "adapters": [str(final)], "merge_lora": True}


def _run_folder(output: Path) -> Path:
    """The folder of the run: an output lies in <run>/<task>/<output>, on a cluster in <run>/<task>/<uuid>/<output>."""
    uuid_like = output.parent.name.count("-") == 4
    return output.parents[2] if uuid_like else output.parents[1]


def _digest(folder: str) -> str:
    return str(read_manifest(folder)["digest"])


def _earlier_record(record_file: Path, key: str, output: Path) -> dict[str, Any]:
    """What an earlier try of this run noted. OutputError where its output is not what this try would make."""
    record: dict[str, Any] = json.loads(record_file.read_text(encoding="utf-8")) if record_file.is_file() else {}
    fix = "start a new run: leave RUN_ID out"
    if record.get("key") != key:
        raise OutputError("An earlier try made this with other arguments or inputs", where=str(output), fix=fix)
    if problems := verify(output):
        raise OutputError(f"What an earlier try made was changed: {'; '.join(problems)}", where=str(output), fix=fix)
    return record


def _write(file: Path, value: Mapping[str, Any]) -> None:
    write_atomic(file, json.dumps(value, indent=2, sort_keys=True).encode())


def _publish(stage: Stage, values: Mapping[str, Any], output: Path, record: Mapping[str, Any]) -> None:
    """Figures, reports and the manifest's facts onto KFP's artifacts."""
    manifest = read_manifest(output)
    values[stage.output].metadata.update({"digest": manifest["digest"], "files": len(manifest["files"])})
    for artifact, name in stage.reports.items():
        if (output / name).is_file():
            shutil.copyfile(output / name, values[artifact].path)
    summary = values[SUMMARY]
    summary.metadata.update(record["metrics"])
    _write(Path(summary.path), record["metrics"])


def numbers(result: Any) -> Iterator[tuple[str, float]]:
    """The numeric fields of a result and the numbers of its dictionaries; KFP's metrics hold nothing else."""
    for field in dataclasses.fields(result):
        value = getattr(result, field.name)
        for name, item in value.items() if isinstance(value, Mapping) else [(field.name, value)]:
            if isinstance(item, int | float) and not isinstance(item, bool):
                yield name, float(item)
