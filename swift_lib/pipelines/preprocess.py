"""`swift preprocess`: rows to tokens, once. The result is found again by the hash of everything that went into it."""

import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from swift_lib.arguments import Command, PreprocessArguments, as_arguments
from swift_lib.core.files import ASIDE
from swift_lib.core.manifest import content_hash, read_manifest, write_manifest
from swift_lib.dataset.artifact import TokenDataset
from swift_lib.dataset.build import TRAIN, VALIDATION, build
from swift_lib.dataset.cache import ArtifactCache
from swift_lib.dataset.mixture import Mixing, Mixture, open_mixture
from swift_lib.dataset.preview import write_preview
from swift_lib.dataset.registry import register_dataset_info
from swift_lib.dataset.resolve import Hubs
from swift_lib.dataset.rules import RowRules
from swift_lib.loss_scale.mapping import with_ignored_empty_think
from swift_lib.model.loader import find_model
from swift_lib.pipelines.engine import local_model, processor_options, template_options
from swift_lib.pipelines.gates import CONTAMINATION, Gates
from swift_lib.pipelines.ingredients import ingredients_of, is_reusable
from swift_lib.pipelines.parity import PARITY
from swift_lib.pipelines.row_encoder import EncoderSpec, RowEncoder, encode_here, encode_in_processes
from swift_lib.pipelines.stage_output import stage_output
from swift_lib.template.mapping import TEMPLATE_MAPPING

logger = logging.getLogger(__name__)

QUARANTINE, PREVIEW = "quarantine.jsonl", "preview.html"
RECORDS = (QUARANTINE, CONTAMINATION, PARITY)  # written where they stay when the command fails
RESULTS = (TRAIN, VALIDATION, PREVIEW, *RECORDS)


@dataclass(frozen=True)
class PreprocessResult:
    """What was made; `reused` is 1 where an earlier result was."""

    output_dir: str
    key: str
    digest: str
    reused: int
    rows_in: int
    kept: int
    dropped: int
    train_rows: int
    validation_rows: int
    tokens: int
    trained_tokens: int


def preprocess_main(args: PreprocessArguments | Sequence[str] | Mapping[str, Any] | None = None) -> PreprocessResult:
    """Write train/, validation/, quarantine.jsonl, preview.html, args.json and the manifest under args.output_dir."""
    args = as_arguments(PreprocessArguments, args)
    with stage_output(args, "preprocess") as output:
        result, summary = tokenise_into(args, output.folder)
        output.extra.update(summary)
        output.inputs += summary["preprocess"]["datasets"]
        for split in (TRAIN, VALIDATION):
            if (output.folder / split).is_dir():
                data = TokenDataset.open(output.folder / split)
                output.tracker.dataset(split, data.digest, len(data), str(output.folder / split), context=split)
        output.tracker.metrics(_numbers(result) | _gate_numbers(summary["preprocess"]))
        output.tracker.artifact(output.folder / PREVIEW)
    return result


def tokenise_into(args: Command, folder: Path) -> tuple[PreprocessResult, dict[str, Any]]:
    """Make the dataset of ``args`` (any command with groups model, template, data, common) in ``folder``, or reuse it.

    Returns the figures and what belongs into the folder's manifest. Leftovers of an earlier try are removed first; on
    failure the quarantine stays.
    """
    started = time.monotonic()
    for name in RESULTS:
        _remove(folder / name)
    flat: Any = args
    mixture = _open(flat)
    spec = _encoder_spec(flat)
    ingredients = ingredients_of(flat, spec, mixture)
    key = content_hash(ingredients)
    cache = _cache(flat.data.data_cache_uri, ingredients)
    aside = folder / f"{ASIDE}build"
    _remove(aside)
    try:
        reused = cache is not None and cache.restore(key, aside)
        if reused:
            info = read_manifest(aside)["preprocess"]
            # The same rows may lie elsewhere this time.
            datasets = [{**was, **part.summary()} for was, part in zip(info["datasets"], mixture, strict=True)]
            summary = {"preprocess": {**info, "datasets": datasets}}
        else:
            aside.mkdir(parents=True)
            account, encoder = _build(flat, spec, mixture, aside, folder / QUARANTINE)
            for name in RECORDS:
                if (folder / name).is_file():
                    shutil.copyfile(folder / name, aside / name)
            summary = _describe(flat, encoder, aside, {"key": key, **account, "ingredients": ingredients})
            if cache is not None:
                cache.store(key, aside)
        for name in RESULTS:
            if (aside / name).exists():
                (aside / name).replace(folder / name)
    finally:
        _remove(aside)
    result = _result(folder, key, reused, summary["preprocess"])
    _report(summary["preprocess"])
    logger.info(
        "%s %s in %.1f s: %d rows in, %d kept, %d dropped; %d train, %d validation",
        "REUSED" if reused else "BUILT", key[:16], time.monotonic() - started,
        result.rows_in, result.kept, result.dropped, result.train_rows, result.validation_rows,
    )  # fmt: skip
    return result, summary


def _cache(uri: str, ingredients: Mapping[str, Any]) -> ArtifactCache | None:
    if uri and not is_reusable(ingredients):
        logger.warning("Rows name media behind URLs, whose content may change: this result is not kept in the cache")
    return ArtifactCache(uri) if uri and is_reusable(ingredients) else None


def _report(info: Mapping[str, Any]) -> None:
    """Say what is no error but what somebody will want to know."""
    if duplicates := info["duplicates"]["rows"]:
        both = info["duplicates"]["validation_rows_also_in_train"]
        logger.warning(
            "%d rows repeat an earlier one and are %s%s",
            duplicates,
            "left out" if "duplicate" in info["dropped_by_request"] else "kept",
            f"; {both} are on both sides" * bool(both),
        )
    for part in info["datasets"]:
        logger.info(
            "%s: %d tokens, %.1f%% of them trained", part["dataset"], part["tokens"], 100 * part["trained_share"]
        )
    if found := info.get("contamination"):
        logger.info(
            "%d training rows repeat text of %d of %d evaluation rows",
            found["overlapping_training_rows"], found["overlapped_evaluation_rows"], found["evaluation_rows"],
        )  # fmt: skip
    if ignored := info["ignored_columns"]:
        logger.info(
            "Columns that nothing reads: %s", ", ".join(f"{name} ({rows} rows)" for name, rows in ignored.items())
        )
    if lost := info["lost_fractions"]:
        logger.warning(
            "%d pieces whose loss scale is neither 0 nor 1 count 1: --template_mode rlhf and kto know on and off only",
            lost,
        )
    if requested := info["dropped_by_request"]:
        logger.info("Dropped by request: %s", ", ".join(f"{reason} {rows}" for reason, rows in requested.items()))


def _open(args: Any) -> Mixture:
    data = args.data
    for path in data.custom_dataset_info:
        register_dataset_info(path)
    mixing = Mixing(
        data.split_dataset_ratio, data.data_seed, data.dataset_shuffle, data.val_dataset_shuffle,
        data.interleave_prob, data.stopping_strategy, data.strict,
    )  # fmt: skip
    return open_mixture(data.dataset, data.val_dataset, mixing, Hubs(download_mode=data.download_mode))


def _encoder_spec(args: Any) -> EncoderSpec:
    return EncoderSpec(
        local_model(args.model.model),
        args.template.template,
        processor_options(args),
        {"special_tokens_in_text": "refuse", **template_options(args), "loss_scale": _loss_scale(args)},
        tuple(args.common.external_plugins),
        args.to_flat().get("template_mode", "train"),
    )


def _loss_scale(args: Any) -> str:
    """The loss scale that rows are encoded with.

    Hybrid templates put an empty thinking block before replies without one; unless the arguments ask for it, that is
    not trained.
    """
    template, model = args.template, args.model
    if template.disable_ignore_empty_think or template.use_chat_template is False:
        return str(template.loss_scale)
    name = template.template
    if name is None:
        options = {"revision": model.model_revision, "local_files_only": model.local_files_only}
        name = find_model(local_model(model.model), model.model_type, **options)[2].template
    is_hybrid = name is not None and TEMPLATE_MAPPING[name].is_hybrid
    return with_ignored_empty_think(template.loss_scale) if is_hybrid else str(template.loss_scale)


def _build(
    args: Any, spec: EncoderSpec, mixture: Mixture, aside: Path, quarantine: Path
) -> tuple[dict[str, Any], RowEncoder]:
    encoder = RowEncoder(spec)
    processes = args.data.dataset_num_proc
    account = build(
        aside,
        mixture,
        lambda batches: (
            encode_here(encoder, batches) if processes == 1 else encode_in_processes(spec, batches, processes)
        ),
        quarantine=quarantine,
        columns=args.data.columns,
        max_drop_rate=args.data.max_drop_rate,
        rules=_row_rules(args, encoder),
        gate=Gates(args, encoder.template, quarantine.parent),
        dedup=args.data.dedup,
        requested=frozenset({"over_length"} if args.template.truncation_strategy == "delete" else ()),
        arguments={"seed": args.data.data_seed},
    )
    return account, encoder


def _row_rules(args: Any, encoder: RowEncoder) -> RowRules:
    """What rows must be for this template and model."""
    data, template = args.data, encoder.template
    return RowRules(
        template.task_type,
        template.mode,
        text_only=not encoder.processor.model_info.is_multimodal,
        open_images=True,
        num_labels=encoder.processor.model_info.num_labels,
        problem_type=encoder.processor.model_info.problem_type,
        merge_consecutive=data.merge_consecutive,
        mixed_schema=data.mixed_schema,
        row_filter=data.row_filter,
        keep_unused=not template.remove_unused_columns,
    )


def _describe(args: Any, encoder: RowEncoder, aside: Path, account: Mapping[str, Any]) -> dict[str, Any]:
    """Write the preview and the manifest; return what the stage's own manifest repeats."""
    info = {
        **account,
        "template": encoder.template.template_meta.template_type,
        "vocabulary": content_hash(encoder.template.tokenizer.get_vocab()),
        "max_length": encoder.max_length,
    }
    splits = {name: TokenDataset.open(aside / name) for name in (TRAIN, VALIDATION) if (aside / name).is_dir()}
    shown = {name: info[name] for name in ("rows_in", "kept", "dropped", "template", "max_length")}
    write_preview(aside / PREVIEW, splits, encoder.decode, shown)
    write_manifest(aside, stage="preprocess", arguments={"seed": args.data.data_seed}, extra={"preprocess": info})
    return {"preprocess": info}


def _result(folder: Path, key: str, reused: bool, info: Mapping[str, Any]) -> PreprocessResult:
    splits = {name: TokenDataset.open(folder / name) for name in (TRAIN, VALIDATION) if (folder / name).is_dir()}
    facts = [split.manifest["dataset"] for split in splits.values()]
    return PreprocessResult(
        output_dir=str(folder),
        key=key,
        digest=content_hash({name: split.digest for name, split in splits.items()}),
        reused=int(reused),
        rows_in=info["rows_in"],
        kept=info["kept"],
        dropped=info["dropped"],
        train_rows=len(splits[TRAIN]),
        validation_rows=len(splits[VALIDATION]) if VALIDATION in splits else 0,
        tokens=sum(fact["tokens"] for fact in facts),
        trained_tokens=sum(fact["trained_tokens"] for fact in facts),
    )


def _numbers(result: PreprocessResult) -> dict[str, float]:
    return {f"data/{name}": value for name, value in asdict(result).items() if isinstance(value, int)}


def _gate_numbers(info: Mapping[str, Any]) -> dict[str, float]:
    """What the gates measured, as far as they were asked to."""
    gates = {"contamination": ("contamination", "share"), "parity_differences": ("template_parity", "different")}
    return {f"data/{name}": float(info[gate][key]) for name, (gate, key) in gates.items() if gate in info}


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
