"""From token datasets to what a trainer draws: rows, or packs of rows, and the function that makes batches of them."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swift_lib.core.errors import DataError
from swift_lib.dataset.artifact import TokenDataset
from swift_lib.dataset.kept_plan import kept_plan
from swift_lib.dataset.packing import PackedDataset
from swift_lib.pipelines.absent_rows import made_with

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingData:
    """What is trained on. `facts`: of the packing, for the manifest; joins_rows: rows share a sequence."""

    train: Sequence[Any]
    validation: Sequence[Any] | None
    collate: Callable[..., Any]
    joins_rows: bool = False
    facts: dict[str, Any] = field(default_factory=dict)


def training_data(
    args: Any, template: Any, train: TokenDataset, validation: TokenDataset | None, collate: Callable[..., Any]
) -> TrainingData:
    """Apply --packing and --padding_free to the splits; with either of them the template joins rows from now on.

    collate: makes batches of rows or packs by the template. Raises DataError for rows that cannot share a sequence
    (with media, or longer than a pack), and for a template that cannot do without padding.
    """
    if not (args.train.packing or args.train.padding_free):
        return TrainingData(train, validation, collate)
    for split in (train, validation):
        if split is not None:
            _require_plain(split, template)
    template.padding_free = True
    if not args.train.packing:
        return TrainingData(train, validation, collate, joins_rows=True)
    length = _packing_length(args, template, train)
    packs = _pack(args, train, length)
    plan = packs.plan
    facts = {
        "packing_length": length, "strategy": args.train.packing_strategy, "packs": len(plan), "rows": len(train),
        "used": round(plan.used, 6), "digest": plan.digest,
    }  # fmt: skip
    logger.info(
        "%s rows in %s packs of %s tokens, %.2f%% of the positions used",
        f"{len(train):,}", f"{len(plan):,}", f"{length:,}", 100 * plan.used,
    )  # fmt: skip
    held_out = None if validation is None else _pack(args, validation, length)
    return TrainingData(packs, held_out, collate, joins_rows=True, facts={"packing": facts})


def _pack(args: Any, rows: TokenDataset, length: int) -> PackedDataset:
    plan = kept_plan(
        Path(args.output_dir), rows, length, strategy=args.train.packing_strategy, seed=args.data.data_seed
    )
    return PackedDataset(rows, plan)


def _packing_length(args: Any, template: Any, train: TokenDataset) -> int:
    """As given, else the longest row that was allowed when the rows were tokenised, else the model's limit."""
    if args.train.packing_length or args.template.max_length:
        return int(args.train.packing_length or args.template.max_length)
    length = made_with(train).get("max_length") or template.max_length
    if not length:
        raise DataError(
            "nothing says how long a pack may be: the model declares no limit",
            where=str(train.folder),
            fix="give --packing_length",
        )
    return int(length)


def _require_plain(rows: TokenDataset, template: Any) -> None:
    info = rows.manifest["dataset"]
    reason = ""
    if template.support_padding_free is False:
        reason = f"template {template.template_meta.template_type!r} cannot do without padding"
    elif "media" in info["columns"]:
        reason = "rows with images cannot be packed yet"
    if reason:
        raise DataError(reason, where=str(rows.folder), fix="train without --packing and --padding_free")
