"""A packing plan that is made once: who goes on with a run reads it, which takes a fraction of the time to make it."""

import time
from pathlib import Path

import numpy as np

from swift_lib.core.files import ASIDE, replacing
from swift_lib.core.manifest import content_hash
from swift_lib.dataset.artifact import TokenDataset
from swift_lib.dataset.packing import PackPlan, plan_packs

_SECONDS = 1.0  # a plan that takes longer is kept
_VERSION = 1  # of plan_packs: another algorithm, another number


def kept_plan(folder: Path, rows: TokenDataset, packing_length: int, *, strategy: str, seed: int) -> PackPlan:
    """The plan of `plan_packs`, from a file of `folder` where an earlier try left it."""
    made_of = [_VERSION, rows.digest, packing_length, strategy, seed]
    file = folder / f"{ASIDE}plan-{content_hash(made_of)[:24]}.npy"
    if (plan := _read(file, packing_length, len(rows))) is not None:
        return plan
    begin = time.monotonic()
    plan = plan_packs(rows.lengths, packing_length, strategy=strategy, seed=seed)
    if time.monotonic() - begin > _SECONDS:
        _write(file, plan)
    return plan


def _write(file: Path, plan: PackPlan) -> None:
    with replacing(file) as stream:
        for part in (plan.rows, plan.starts, np.array(plan.tokens), np.array(plan.digest)):
            np.save(stream, part)


def _read(file: Path, packing_length: int, rows: int) -> PackPlan | None:
    """None where there is no such file, or it is not what was written."""
    if not file.is_file():
        return None
    try:
        with open(file, "rb") as stream:
            planned, starts, tokens, digest = (np.load(stream) for _ in range(4))
    except (OSError, ValueError, EOFError):
        return None
    plan = PackPlan(planned, starts, packing_length, int(tokens))
    return plan if len(planned) == rows and plan.digest == str(digest) else None
