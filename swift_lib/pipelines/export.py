"""`swift export --merge_lora true`: adapters and their base to full weights; full weights pass through."""

import json
import logging
import os
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from swift_lib.arguments import ExportArguments, as_arguments
from swift_lib.core.errors import ArgumentError, ModelError
from swift_lib.core.files import ASIDE, sha256_file
from swift_lib.core.manifest import has_manifest, read_manifest
from swift_lib.core.signals import raise_on_signals
from swift_lib.infer_engine.transformers_engine import stop_rules
from swift_lib.merge.adapter import Adapter, read_adapter
from swift_lib.merge.in_memory import Evidence, attach, merge_attached
from swift_lib.merge.passthrough import copy_additional, pass_through, require_whole_model
from swift_lib.model.loader import get_model_processor, get_processor
from swift_lib.model.match import read_model_names, record_model_names
from swift_lib.model.saving import save_processor
from swift_lib.model.source import check_weights, locate
from swift_lib.model.tasks import GENERATING, Task
from swift_lib.pipelines.engine import local_model, model_options, processor_options, task_of, template_options
from swift_lib.pipelines.parity import carry
from swift_lib.pipelines.stage_output import StageOutput, stage_output
from swift_lib.template.choose import get_template
from swift_lib.trainers.failures import memory_errors
from swift_lib.trainers.frozen import frozen_digest, weights_digest
from swift_lib.tuner_plugin.calling import is_built_in, load_adapter, merge_with, saved_kind, tuner_of

logger = logging.getLogger(__name__)

STAGE = "merge_lora"
_GENERATION = "generation_config.json"
_MEMORY_FIX = "merge in bfloat16 with --torch_dtype bfloat16, or on a machine with more memory"


@dataclass(frozen=True)
class ExportResult:
    """`output_dir` is a model folder that loads without flags."""

    output_dir: str
    metrics: dict[str, float]


def export_main(args: ExportArguments | Sequence[str] | Mapping[str, Any] | None = None) -> ExportResult:
    """Write a full model to args.output_dir: config, weights, tokenizer, generation settings, args.json, manifest."""
    args = as_arguments(ExportArguments, args)
    if not args.export.merge_lora:
        raise ArgumentError(["--merge_lora: give true; merging is what export does"])
    adapters = [_read(local_model(path)) for path in args.model.adapters]
    source = locate(
        local_model(args.model.model),
        revision=args.model.model_revision,
        local_files_only=args.model.local_files_only,
    )
    check_weights(source)
    require_whole_model(source)
    task = task_of(args)
    args = args if task == Task() else args.replaced(**task._asdict())
    if args.export.exist_ok:
        _remove_export(Path(args.output_dir))
    with raise_on_signals(), stage_output(args, STAGE) as output:
        output.add_input("model", source)
        aside = output.folder / f"{ASIDE}{STAGE}"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        with memory_errors(str(output.folder), _MEMORY_FIX):
            evidence = _merge(args, source, adapters, aside, output) if adapters else _pass(args, source, aside)
        carry(adapters[-1].folder if adapters else source, aside)
        for path in sorted(aside.iterdir()):
            os.replace(path, output.folder / path.name)
        aside.rmdir()
        weights = list(output.folder.glob("*.safetensors"))
        metrics = {"weight_files": float(len(weights)), "bytes": float(sum(path.stat().st_size for path in weights))}
        metrics |= _numbers(evidence)
        output.extra |= {"base_files": _weight_hashes(source), "merge": [asdict(one) for one in evidence]}
        output.write_metrics(metrics)
    logger.info("wrote %s (%d weight files, %.1f MB)", output.folder, len(weights), metrics["bytes"] / 1e6)
    return ExportResult(str(output.folder), metrics)


def _pass(args: ExportArguments, source: Path, target: Path) -> list[Evidence]:
    processor = get_processor(str(source), **processor_options(args))
    names = pass_through(source, target, processor.model_meta.additional_saved_files or ())
    logger.info("no adapters: %d files of %s pass through", len(names), source)
    _record_template(args, processor, target)
    return []


def _merge(
    args: ExportArguments, source: Path, adapters: Sequence[Adapter], target: Path, output: StageOutput
) -> list[Evidence]:
    model, processor = get_model_processor(str(source), **model_options(args))
    if processor.model_info.quant_method:
        raise ModelError(
            "A quantised base cannot take an adapter into its weights",
            where=str(source),
            fix="give the unquantised base as --model",
        )
    evidence = []
    for adapter in adapters:
        output.add_input("adapter", adapter.folder)
        with warnings.catch_warnings():
            # peft warns of what the checks here refuse or handle: keys that do not match, embeddings that were tied.
            warnings.simplefilter("ignore")
            recorded = _recorded_base(model, adapter) if adapter is adapters[0] else {}
            loaded = weights_digest(model) if recorded.get("loaded_sha256") else ""
            attached = attach(model, adapter, partial(load_adapter, is_trainable=True))
            _require_trained_base(recorded, loaded, attached.model, adapter)
            model, found = merge_attached(attached, adapter, partial(merge_with, tuner_of(adapter.folder)))
        logger.info(
            "merged %s%s: logits within %.2g of base with adapter, which changes them by up to %.2g",
            f"{found.matched_keys} tensors of " if found.matched_keys else "", adapter.folder,
            found.merged_difference, found.adapter_effect,
        )  # fmt: skip
        evidence.append(found)
    model.save_pretrained(target, max_shard_size=args.export.max_shard_size)
    for path in target.glob("*.safetensors"):
        path.chmod(0o644)  # safetensors writes files that only their owner reads, and stages may run as other users
    save_processor(processor, target)
    copy_additional(source, target, processor.model_meta.additional_saved_files or ())
    _record_template(args, processor, target)
    return evidence


def _read(folder: str) -> Adapter:
    """An adapter, looked at before anything is loaded. ModelError for one that is not whole or cannot be merged."""
    tuner, (name, kind) = (tuner_of(folder) if Path(folder).is_dir() else None), saved_kind(folder)
    if tuner is None or is_built_in(tuner) or kind is not None:
        return read_adapter(folder)
    if not hasattr(tuner, "merge"):
        raise ModelError(
            f"The tuner {name!r} does not say how its adapters are merged",
            where=folder,
            fix="give it a function merge(model), or use the adapter beside its base with --adapters",
        )
    return read_adapter(folder, is_own=True)


def _recorded_base(model: Any, adapter: Adapter) -> dict[str, Any]:
    """What the adapter's run recorded of its base; empty where that cannot be compared with the loaded one."""
    recorded: dict[str, Any] = read_manifest(adapter.folder).get("base", {}) if has_manifest(adapter.folder) else {}
    if not recorded.get("sha256") or recorded.get("quantized"):
        return {}
    dtype = str(getattr(model, "dtype", "")).removeprefix("torch.")
    if recorded.get("dtype") != dtype:
        logger.info("the base is loaded as %s and was trained as %s: not compared", dtype, recorded.get("dtype"))
        return {}
    return recorded


def _require_trained_base(recorded: Mapping[str, Any], loaded: str, tuned: Any, adapter: Adapter) -> None:
    """The base must be, tensor by tensor, the one that training froze, where its run recorded that.

    Where training took the adapter's start out of the base's weights, what counts is the base as it was loaded.
    """
    if not recorded:
        return
    same = loaded == recorded["loaded_sha256"] if loaded else frozen_digest(tuned) == recorded["sha256"]
    if not same:
        raise ModelError(
            "The base model's weights are not those that the adapter was trained on",
            where=str(adapter.folder),
            fix=f"give the base it was trained on ({adapter.config.get('base_model_name_or_path')}) as --model",
        )


def _record_template(args: ExportArguments, processor: Any, target: Path) -> None:
    """Type, template and task into args.json, so that the folder means the same whatever it is called.

    The tokens that end a reply go into generation_config.json, for servers that know no templates.
    """
    template = get_template(processor, args.template.template, **template_options(args))
    info, adapters = processor.model_info, [local_model(adapter) for adapter in args.model.adapters]
    names = {
        **read_model_names(adapters[0] if adapters else info.model_dir),
        "model_type": processor.model_meta.model_type, "template": template.template_meta.template_type,
        "task_type": info.task_type, "num_labels": info.num_labels, "problem_type": info.problem_type,
    }  # fmt: skip
    record_model_names(target.parent, **names)
    if info.task_type not in GENERATING:
        return
    path = target / _GENERATION
    if path.is_file():
        generation = json.loads(path.read_text(encoding="utf-8"))
    else:
        config = processor.model_info.config
        generation = {name: getattr(config, name, None) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    ends = generation.get("eos_token_id")
    known = ends if isinstance(ends, list) else [ends]
    missing = sorted(stop_rules(template, ends).ids - set(known))
    if missing:
        generation["eos_token_id"] = [token for token in known if token is not None] + missing
        path.write_text(json.dumps(generation, indent=2) + "\n", encoding="utf-8")


def _weight_hashes(source: Path) -> dict[str, str]:
    return {path.name: sha256_file(path) for path in sorted(source.glob("*.safetensors"))}


def _numbers(evidence: Sequence[Evidence]) -> dict[str, float]:
    if not evidence:
        return {}
    return {
        "matched_keys": float(sum(one.matched_keys for one in evidence)),
        "merged_difference": max(one.merged_difference for one in evidence),
        "adapter_effect": max(one.adapter_effect for one in evidence),
    }


def _remove_export(folder: Path) -> None:
    """Make room for a new export, if what is there is one of ours and nothing else."""
    if has_manifest(folder) and read_manifest(folder).get("stage") == STAGE:
        shutil.rmtree(folder)
