"""Make what the embedded pipeline reads, where it is not there yet: `python -m examples.demo.prepare [outputs]`."""

import json
import logging
import shutil
import sys
from pathlib import Path

from examples.demo.tasks import HARD, Row, questions, second_rows
from swift_lib.core.errors import ManifestError
from swift_lib.core.manifest import check, content_hash, write_manifest

logger = logging.getLogger(__name__)

TRAIN, VALIDATION, HELD_OUT, REWARD_EACH = 2000, 100, 240, 24
DATA_SEED = 7


def ensure(outputs: Path) -> Path:
    """Base model and data under `outputs`/demo, made unless they are there and whole. Returns that folder."""
    folder = Path(outputs) / "demo"
    base, data = folder / "base", folder / "data"
    if not _is_made(data, "data", _digest_of(_all_rows())):
        logger.info("making the demo's data in %s", data)
        make_data(data)
    if not _is_made(base, "base", None):
        logger.info("making the demo's base model in %s (about half a minute)", base)
        # torch is wanted only where a model is really made
        from examples.demo.base_model import make_base

        make_base(base)
    return folder


def make_data(folder: Path, rows: dict[str, list[Row]] | None = None) -> None:
    """Write train, validation, held_out and reward rows as JSON lines, with a manifest."""
    rows = rows or _all_rows()
    aside = folder.with_name(folder.name + ".partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    for name, part in rows.items():
        text = "".join(json.dumps(row) + "\n" for row in part)
        (aside / f"{name}.jsonl").write_text(text, encoding="utf-8")
    write_manifest(aside, stage="demo_data", arguments={"seed": DATA_SEED}, extra={"rows_digest": _digest_of(rows)})
    shutil.rmtree(folder, ignore_errors=True)
    aside.rename(folder)


def _all_rows() -> dict[str, list[Row]]:
    """Every split is disjoint from the training questions; the reward prompts are half harder than those."""
    train = second_rows(TRAIN, DATA_SEED)
    seen = questions(train)
    validation = second_rows(VALIDATION, DATA_SEED + 1, exclude=seen)
    seen |= questions(validation)
    held_out = second_rows(HELD_OUT, DATA_SEED + 2, exclude=seen)
    seen |= questions(held_out)
    easy = second_rows(REWARD_EACH, DATA_SEED + 3, exclude=seen)
    hard = second_rows(REWARD_EACH, DATA_SEED + 4, size=HARD, exclude=seen)
    return {"train": train, "validation": validation, "held_out": held_out, "reward": easy + hard}


def _digest_of(rows: dict[str, list[Row]]) -> str:
    return content_hash(rows)


def _is_made(folder: Path, kind: str, rows_digest: str | None) -> bool:
    if not folder.exists():
        return False
    try:
        manifest = check(folder)
    except ManifestError as error:
        logger.warning("the demo's %s is made again: %s", kind, error)
        return False
    return rows_digest is None or manifest.get("rows_digest") == rows_digest


if __name__ == "__main__":
    logging.basicConfig(level="INFO", format="%(message)s")
    print(ensure(Path(sys.argv[1] if len(sys.argv) > 1 else "outputs")))
