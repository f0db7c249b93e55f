"""The frame of a stage: its output folder, its tracking, its manifest."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swift_lib.arguments import Command, save_args
from swift_lib.core.distributed import ALONE, Processes
from swift_lib.core.files import write_atomic
from swift_lib.core.manifest import MANIFEST, has_manifest, read_manifest, write_manifest
from swift_lib.core.outputs import claim_output, disk_errors, finish_output
from swift_lib.core.seeding import seed_everything
from swift_lib.core.tracking import Tracker

METRICS_FILE = "metrics.json"


@dataclass
class StageOutput:
    """A stage's output folder while it is written."""

    folder: Path
    tracker: Tracker
    inputs: list[dict[str, Any]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    """What the manifest says beside its standard entries."""
    writes: bool = True
    """False in all processes but the first: what they write and note is dropped."""

    def add_input(self, name: str, uri: str | Path) -> None:
        """Note what the stage reads, with the digest of its manifest where it has one."""
        if not self.writes:
            return
        known = {"digest": read_manifest(str(uri))["digest"]} if has_manifest(str(uri)) else {}
        self.inputs.append({"name": name, "uri": str(uri), **known})

    def write_text(self, name: str, text: str) -> None:
        """Write one file whole."""
        if self.writes:
            write_atomic(self.folder / name, text.encode())

    def write_json(self, name: str, value: Any) -> None:
        """Write one JSON file whole."""
        self.write_text(name, json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def write_rows(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write one JSON Lines file whole."""
        self.write_text(name, "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows))

    def write_metrics(self, metrics: Mapping[str, float], *, step: int = 0) -> None:
        """Write the stage's numbers to metrics.json, to the manifest and to tracking (at `step`, where curves end)."""
        self.extra["metrics"] = dict(metrics)
        self.write_json(METRICS_FILE, dict(metrics))
        self.tracker.metrics(dict(metrics), step=step)


@contextmanager
def stage_output(
    args: Command, stage: str, *, records: str = "", processes: Processes = ALONE
) -> Iterator[StageOutput]:
    """Claim the output folder, track, and write args.json first and the manifest last.

    `records` names a file of the folder that gets a copy of everything tracked, one JSON object a line. Of several
    `processes` the first does all that; the others begin when the folder is claimed and end without waiting.
    """
    begin = time.monotonic()
    flat = args.to_flat()
    if not processes.is_first:
        processes.told("claimed")
        seed_everything(flat["seed"])
        yield StageOutput(Path(args.output_dir), Tracker(None, "", "", False, None), writes=False)
        return
    with claim_output(args.output_dir) as claim, disk_errors(str(claim.folder)):
        seed_everything(flat["seed"])
        save_args(args, claim.folder)
        processes.tell("claimed")
        with Tracker.open(
            uri=flat["track_uri"],
            experiment=flat["track_experiment"],
            run_key=flat["track_run_key"],
            run_name=flat["run_name"],
            stage=stage,
            local=claim.folder / records if records else None,
        ) as tracker:
            tracker.params(flat)
            output = StageOutput(claim.folder, tracker)
            yield output
            seconds = time.monotonic() - begin
            write_manifest(
                claim.folder, stage=stage, arguments=flat, inputs=output.inputs, seconds=seconds, extra=output.extra
            )
            tracker.artifact(claim.folder / MANIFEST)
        finish_output(claim.folder)
