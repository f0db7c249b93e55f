"""`make submit`: choose a target, put the parameters together, run the pipeline, say how it ended.

    python -m pipelines.submit --pipeline sft [--params my.yaml] [--args "train_max_steps=10 ..."] [--profile gke-l4]
                               [--target auto|local|docker|cluster] [--run-id ID] [--dry-run]

Parameters, later wins: compiled defaults, the embedded demo (only where nobody gives base_model), the profile, the
params file, the args. `--pipeline` also takes the path of a compiled YAML.
"""

import argparse
import importlib
import json
import secrets
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines import cluster, foresight, parameters
from pipelines.compile import PIPELINES, ROOT, compiled_pipeline, documents, literals_wanted
from pipelines.naming import values_for
from pipelines.parameters import Source, Value
from swift_lib.core import environment
from swift_lib.core.errors import ArgumentError, PipelineError, SwiftError
from swift_lib.core.logs import setup_logging
from swift_lib.core.safety import redact
from swift_lib.merge.kinds import STAYS
from swift_lib.pipelines.stage import ARGUMENTS, STAGES, merge_arguments

PRESETS = ROOT / "pipelines" / "params"
PROFILES = ROOT / "pipelines" / "profiles"
OUTPUTS = Path("outputs")
TARGETS = ("auto", "local", "docker", "cluster")
DEMO_KEY = "base_model"
LOCAL_DEFAULT = "local default"


def main(argv: Sequence[str] | None = None) -> int:
    """The command; its exit status is 0 only for a run whose every stage left a whole output."""
    options = _parser().parse_args(argv)
    setup_logging(environment.get("SWIFT_LOG_LEVEL", "info"))
    try:
        return _submit(options)
    except SwiftError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def choose_target(wanted: str) -> tuple[str, str]:
    """The target and, in words, why."""
    if wanted not in TARGETS:
        raise ArgumentError([f"TARGET: {wanted!r} is not one of {', '.join(TARGETS)}"])
    host, variable = cluster.endpoint()
    if wanted == "auto":
        if host:
            return "cluster", f"{variable} is set to {host}"
        return "local", f"neither {' nor '.join(cluster.ENDPOINT_VARIABLES)} is set"
    if wanted == "cluster" and not host:
        raise ArgumentError([f"TARGET=cluster: give the endpoint in {' or '.join(cluster.ENDPOINT_VARIABLES)}"])
    return wanted, f"TARGET={wanted}"


def gather(
    declared: Mapping[str, parameters.Parameter], options: argparse.Namespace, target: str
) -> tuple[dict[str, Value], bool]:
    """Every parameter's value and source, and whether the embedded demo is among the sources."""
    sources = []
    if options.profile:
        sources.append(parameters.from_file(_named(PROFILES, options.profile, "PROFILE"), "PROFILE"))
    if options.params:
        sources.append(parameters.from_file(options.params, "PARAMS"))
    sources.append(parameters.from_words(options.args))
    preset = PRESETS / f"{options.pipeline}.yaml"
    demo = preset.is_file() and not any(DEMO_KEY in source.values for source in sources)
    if demo and target == "cluster":
        raise ArgumentError(
            [f"{DEMO_KEY}: required on a cluster, which cannot read this machine's demo; give PARAMS= or ARGS="]
        )
    if demo:
        sources.insert(0, Source("embedded demo", parameters.from_file(preset, "preset").values))
    values = parameters.merge(declared, sources)
    untracked = "track_uri" in values and not (values["track_uri"].value or environment.mlflow_tracking_uri())
    if target != "cluster" and untracked:
        values["track_uri"] = Value(f"sqlite:///{OUTPUTS.resolve() / 'mlflow.db'}", LOCAL_DEFAULT)
    return values, demo


def check_arguments(pipeline: str, values: Mapping[str, Value]) -> None:
    """Build each stage's arguments now: a mistake in a dictionary must not show after an hour of training."""
    if pipeline not in PIPELINES:
        return
    problems = []
    for stage, entry in STAGES.items():
        given = values_for(stage, {name: entry.value for name, entry in values.items()})
        extra = given.pop(ARGUMENTS)
        # Paths of upstream outputs are not known yet; any text stands for them.
        stands_in = {name: "upstream" if name != "adapters" else ["upstream"] for name in entry.inputs.values()}
        try:
            args = entry.arguments_class().from_flat(merge_arguments(stage, given, extra) | stands_in)
        except ArgumentError as error:
            problems += [f"{stage}: {problem}" for problem in error.problems]
            continue
        kind = args.to_flat()["tuner_type"].upper() if stage == "train" else ""
        if kind in STAYS:
            problems.append(f"train: --tuner_type: {kind.lower()} cannot be merged ({STAYS[kind]}), which comes next")
    if problems:
        raise ArgumentError(problems)


def explain(values: Mapping[str, Value]) -> str:
    """Every parameter with its value and where it came from, secrets redacted."""
    shown = redact({name: entry.value for name, entry in values.items()})
    texts = {name: json.dumps(value, ensure_ascii=False) for name, value in shown.items()}
    width = max(len(name) for name in texts)
    wide = min(48, max(len(text) for text in texts.values()))
    return "\n".join(f"{name.ljust(width)}  {texts[name].ljust(wide)}  # {values[name].source}" for name in texts)


def _submit(options: argparse.Namespace) -> int:
    target, why = choose_target(options.target)
    print(f"target: {target} ({why})", flush=True)
    name, text, spec = _package(options.pipeline)
    values, demo = gather(parameters.parameters_of(spec), options, target)
    check_arguments(options.pipeline, values)
    run_id = options.run_id or f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    if options.dry_run:
        print(explain(values))
        _foretell(options.pipeline, {key: entry.value for key, entry in values.items()}, here=target != "cluster")
        print(f"run id: {run_id}; nothing was started (DRY_RUN)")
        return 0
    folder = OUTPUTS.resolve() / "runs" / run_id
    arguments = {key: entry.value for key, entry in values.items()}
    folder.mkdir(parents=True, exist_ok=True)
    package = folder / "pipeline.yaml"
    package.write_text(text, encoding="utf-8")
    record = {key: {"value": value, "source": values[key].source} for key, value in redact(arguments).items()}
    (folder / "parameters.json").write_text(json.dumps(record, indent=2, ensure_ascii=False), encoding="utf-8")
    if demo:
        _prepare_demo(arguments)
    if target == "cluster":
        experiment = options.experiment or str(arguments.get("track_experiment", "Default"))
        url = cluster.submit(
            package, arguments, run_id=run_id, experiment=experiment, service_account=options.service_account
        )
        print(f"run {run_id} started: {url}", flush=True)
        _foretell(options.pipeline, arguments, here=False)  # it takes some seconds; the run need not wait for them
        return 0
    _foretell(options.pipeline, arguments, here=True)
    return _run_here(package, arguments, run_id, folder, name, docker=target == "docker")


def _run_here(
    package: Path, arguments: Mapping[str, Any], run_id: str, folder: Path, name: str, *, docker: bool
) -> int:
    from pipelines import local

    print(f"run id: {run_id} (folder {folder})", flush=True)
    local.run_pipeline(package, arguments, local.LocalRun(run_id, folder, name), docker=docker)
    uri = arguments.get("track_uri") or environment.mlflow_tracking_uri()
    if uri and uri != "none":
        print(f"tracking: mlflow ui --backend-store-uri {uri}")
    return 0


def _foretell(pipeline: str, arguments: Mapping[str, Any], *, here: bool) -> None:
    """Say what training will take, where that can be known."""
    if pipeline in PIPELINES:
        print(
            f"\nwhat training will take (swift estimate):\n{foresight.estimate_text(arguments, here=here)}\n",
            flush=True,
        )


def _prepare_demo(arguments: Mapping[str, Any]) -> None:
    """Make the demo's base model and data where they are not there yet."""
    if not Path(arguments[DEMO_KEY]).exists():
        print("no base_model given: preparing the embedded demo", flush=True)
        importlib.import_module("examples.demo.prepare").ensure(OUTPUTS.resolve())


def _package(pipeline: str) -> tuple[str, str, dict[str, Any]]:
    """Name, YAML to run, and the spec that parameters are checked against (always with choices)."""
    if pipeline in PIPELINES:
        text = compiled_pipeline(pipeline)
        full = text if literals_wanted() else compiled_pipeline(pipeline, literals=True)
        return pipeline, text, documents(full)[0]
    path = Path(pipeline)
    if path.suffix not in (".yaml", ".yml"):
        raise ArgumentError(
            [f"PIPELINE: {pipeline!r} is not one of {', '.join(PIPELINES)}{parameters.nearest(pipeline, PIPELINES)}"]
        )
    if not path.is_file():
        raise ArgumentError([f"PIPELINE: there is no file {pipeline}"])
    text = path.read_text(encoding="utf-8")
    spec = documents(text)[0]
    if not isinstance(spec, dict) or "pipelineInfo" not in spec:
        raise PipelineError("Not a compiled pipeline", where=pipeline, fix="compile it with kfp first")
    return spec["pipelineInfo"]["name"], text, spec


def _named(folder: Path, name: str, label: str) -> Path:
    """A profile by its name or as a file."""
    if Path(name).is_file():
        return Path(name)
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        raise ArgumentError(
            [f"{label}: {name!r} is not one of {', '.join(known)}{parameters.nearest(name, known)}, and no file"]
        )
    return folder / f"{name}.yaml"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipelines.submit", description=__doc__.splitlines()[0])
    parser.add_argument("--pipeline", default="sft", help=f"{', '.join(PIPELINES)}, or the path of a compiled YAML")
    parser.add_argument("--params", default="", help="YAML file of parameters")
    parser.add_argument("--args", default="", help="name=value words that win over everything else")
    parser.add_argument("--profile", default="", help="a node pool's preset from pipelines/profiles, or a file")
    parser.add_argument("--target", default="auto", help=f"one of {', '.join(TARGETS)}")
    parser.add_argument("--run-id", default="", help="go on with this run: what it completed is kept")
    parser.add_argument("--experiment", default="", help="KFP experiment; else track_experiment")
    parser.add_argument("--service-account", default="swift-pipelines", help="service account of a cluster run's pods")
    parser.add_argument("--dry-run", action="store_true", help="print every parameter and its source, start nothing")
    return parser


if __name__ == "__main__":
    sys.exit(main())
