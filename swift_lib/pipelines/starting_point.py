"""Which checkpoint a run goes on from: one that is given, its own newest, or the newest that another machine published.

What is found without being asked for must be of this very run: the same data, model and options. What differs is told,
and naming the checkpoint (`--resume_from_checkpoint`) accepts other options, never other data.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from swift_lib.arguments.hf import hf_names, hf_spec
from swift_lib.core.errors import ManifestError, StorageError, TrainingError
from swift_lib.core.manifest import check, read_manifest
from swift_lib.core.storage import join
from swift_lib.pipelines.engine import local_model
from swift_lib.trainers.checkpoint import newest_intact, step_of
from swift_lib.trainers.checkpoint_store import bring, steps_at
from swift_lib.trainers.resume import STARTED_FROM, changed_arguments, differences, require_same_data

logger = logging.getLogger(__name__)

# Groups whose arguments shape what is trained, and those in them that do not.
_SHAPING = ("tuner", "train", "optimization", "events")
_HARMLESS = {
    "output_dir", "checkpoint_uri", "checkpoint_grace", "resume_from_checkpoint", "resume_only_model", "logging_steps",
    "save_strategy", "save_steps", "save_total_limit", "eval_strategy", "eval_steps", "per_device_eval_batch_size",
    "load_best_model_at_end", "metric_for_best_model", "dataloader_num_workers", "gradient_checkpointing",
    # Told more exactly by `trained_on`.
    "per_device_train_batch_size", "gradient_accumulation_steps", "packing", "packing_length", "packing_strategy",
    "padding_free", "group_by_length",
}  # fmt: skip
_HARMLESS_FIELDS = ("dataloader_", "logging_", "report_to", "eval_", "save_", "ddp_", "disable_tqdm")


class Start(NamedTuple):
    """checkpoint: None for a run from the beginning; weights_only: its optimizer, schedule and place are not taken.

    origin: what the checkpoints of this run note as STARTED_FROM; adopted: steps of its checkpoints at the URI;
    damaged: of those there that could not be brought.
    """

    checkpoint: Path | None = None
    weights_only: bool = False
    origin: str = ""
    adopted: tuple[int, ...] = ()
    damaged: tuple[int, ...] = ()

    def plain(self) -> list[Any]:
        """For other processes: as JSON holds it."""
        return [None if self.checkpoint is None else str(self.checkpoint), *self[1:]]

    @classmethod
    def of(cls, plain: list[Any]) -> "Start":
        """Undo `plain`."""
        checkpoint, weights_only, origin, adopted, damaged = plain
        here = None if checkpoint is None else Path(checkpoint)
        return cls(here, weights_only, origin, tuple(adopted), tuple(damaged))


@dataclass(frozen=True)
class Run:
    """trained_on: what decides which rows come when; place: step to where in the data the next one begins."""

    args: Any
    folder: Path
    trained_on: Mapping[str, Any]
    place: Callable[[int], Mapping[str, Any]]

    def now(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """What a checkpoint of this run says, at the step of another one."""
        return {**self.trained_on, "position": self.place(manifest.get("step", 0))}

    def changed(self, manifest: Mapping[str, Any]) -> list[str]:
        """What shapes the training and is asked for otherwise now."""
        return changed_arguments({**_hf_defaults(self.args), **manifest["arguments"]}, shaping_arguments(self.args))


def shaping_arguments(args: Any) -> dict[str, Any]:
    """The arguments, by flat name, that change what is trained; what `trained_on` tells is not among them."""
    flat = args.to_flat()
    names = [name for name, spec in args._specs.items() if spec.group in _SHAPING and name not in _HARMLESS]
    return {**{name: flat[name] for name in [*names, "seed"]}, **_hf_defaults(args), **_shaping_fields(args.hf)}


def _hf_defaults(args: Any) -> dict[str, Any]:
    """transformers' fields that no argument of ours is named like, as they are where nobody gives them."""
    own = args._specs
    return _shaping_fields({name: hf_spec(name).default for name in hf_names() if name not in own})


def _shaping_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if not name.startswith(_HARMLESS_FIELDS)}


def find_start(run: Run) -> Start:
    """Choose; TrainingError where what is there must not be gone on from. Brings a published checkpoint here."""
    given, weights_only = run.args.train.resume_from_checkpoint, run.args.train.resume_only_model
    asked, origin = None, ""
    if given:
        asked = Path(local_model(given))
        origin = f"{check(asked)['digest']}{' (weights)' if weights_only else ''}"

    def wanted(manifest: Mapping[str, Any]) -> bool:
        # After a kill the same command is run again: what it made of the given checkpoint is further.
        return not given or manifest.get(STARTED_FROM, "") == origin

    own = newest_intact(run.folder, wanted)
    step = -1 if own is None else (step_of(own.name) or 0)
    published, adopted, damaged = _published(run, wanted, step)
    found = published or own
    if found is not None:
        manifest = read_manifest(found)
        require_same_data(found, run.now(manifest))
        if published is None and not given:
            _require_same_options(found, run.changed(manifest))
        logger.info("going on from %s", found)
        return Start(found, False, manifest.get(STARTED_FROM, ""), adopted, damaged)
    if asked is None:
        return Start(adopted=adopted, damaged=damaged)
    manifest = read_manifest(asked)
    if weights_only:
        require_same_data(asked, run.now(manifest), ("base", "trained"))
        logger.info("starting from the weights of %s, with a new optimizer and schedule", asked)
    else:
        require_same_data(asked, run.now(manifest))
        changed = run.changed(manifest)
        logger.info("going on from %s%s", asked, f", with other options: {'; '.join(changed)}" if changed else "")
    return Start(asked, weights_only, origin, adopted, damaged)


def _require_same_options(checkpoint: Path, changed: list[str]) -> None:
    if changed:
        raise TrainingError(
            f"The run in this folder was begun with other options ({'; '.join(changed)})",
            where=str(checkpoint),
            fix="give them as before, or a new --output_dir; or accept the change: "
            f"--resume_from_checkpoint {checkpoint}",
        )


def _published(
    run: Run, wanted: Callable[[Mapping[str, Any]], bool], beyond: int
) -> tuple[Path | None, tuple[int, ...], tuple[int, ...]]:
    """The newest published checkpoint of this run, brought here if its step is greater; the steps of all, and damaged.

    TrainingError where there are checkpoints, and all are of another run: it would lose them to this one.
    """
    uri = run.args.train.checkpoint_uri
    if not uri:
        return None, (), ()
    ours: list[int] = []
    damaged: list[int] = []
    foreign: list[str] = []
    brought: Path | None = None
    for step, is_complete in reversed(steps_at(uri).items()):
        place = join(uri, f"checkpoint-{step}")
        if not is_complete:
            logger.warning("passing over %s, which was not published to its end", place)
            continue
        try:
            reason = _foreign(run, place, wanted)
            if reason:
                foreign.append(reason)
                logger.warning("passing over %s: %s", place, reason)
                continue
            if brought is None and step > beyond:
                try:
                    brought = bring(uri, step, run.folder)
                except StorageError:
                    damaged.append(step)
                    raise
                _bring_best(run, brought)
        except (ManifestError, StorageError) as error:
            logger.warning("passing over %s: %s", place, error)
            continue
        ours.append(step)
    if foreign and not ours:
        raise TrainingError(
            f"The place for this run's checkpoints holds those of another one ({foreign[0]})",
            where=uri,
            fix="give another --checkpoint_uri; or, to go on from one of them with other options, name it: "
            f"--resume_from_checkpoint {join(uri, 'checkpoint-N')} and another --checkpoint_uri",
        )
    return brought, tuple(ours), tuple(damaged)


def _foreign(run: Run, place: str, wanted: Callable[[Mapping[str, Any]], bool]) -> str:
    """Why a published checkpoint is not this run's; "" if it is."""
    manifest = read_manifest(place)
    if not wanted(manifest):
        return "it was not begun from the checkpoint that is given"
    try:
        return "; ".join([*differences(manifest, run.now(manifest)).values(), *run.changed(manifest)])
    except TrainingError as error:
        return error.what


def _bring_best(run: Run, checkpoint: Path) -> None:
    """The best checkpoint so far comes along where the run ends with its weights."""
    if not run.args.train.load_best_model_at_end:
        return
    step = best_step(checkpoint)
    if step and not (run.folder / f"checkpoint-{step}").is_dir():
        bring(run.args.train.checkpoint_uri, step, run.folder)


def best_step(checkpoint: Path) -> int | None:
    """The step of the best checkpoint that a checkpoint knows of."""
    state = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
    found = state.get("best_global_step")
    return None if found is None else int(found)
