"""`swift sft`: a token dataset and a model to an adapter or full weights. Joins the parts; contains no numerics."""

import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from swift_lib.arguments import PretrainArguments, SftArguments, as_arguments, save_args
from swift_lib.core import environment
from swift_lib.core.distributed import Processes, join
from swift_lib.core.errors import ArgumentError, DataError, ManifestError
from swift_lib.core.files import ASIDE
from swift_lib.core.manifest import check, content_hash, has_manifest, read_manifest, write_manifest
from swift_lib.core.outputs import disk_errors
from swift_lib.core.signals import StopFlag, stop_flag
from swift_lib.core.view import FlatView
from swift_lib.dataset.artifact import TokenDataset
from swift_lib.infer_engine.sampling import Sampling
from swift_lib.loss.base import loss_problems, tell_unused_losses
from swift_lib.metrics.base import metric_problems
from swift_lib.model.loader import get_model_processor, shared_tokenizers
from swift_lib.model.match import record_model_names
from swift_lib.pipelines import tasks
from swift_lib.pipelines.absent_rows import only_first_reads, shared
from swift_lib.pipelines.engine import local_model, model_options, template_options
from swift_lib.pipelines.parity import carry
from swift_lib.pipelines.preprocess import tokenise_into
from swift_lib.pipelines.run_estimate import course
from swift_lib.pipelines.stage_output import StageOutput, stage_output
from swift_lib.pipelines.training_data import TrainingData, training_data
from swift_lib.pipelines.training_run import TrainingRun
from swift_lib.pipelines.tuning import tune
from swift_lib.template.choose import get_template
from swift_lib.template.packed import require_isolation
from swift_lib.trainers.checkpoint import Describe, remove_incomplete
from swift_lib.trainers.extensions import Extensions
from swift_lib.trainers.failures import memory_errors
from swift_lib.trainers.forecast import Forecaster
from swift_lib.trainers.generating import Generator
from swift_lib.trainers.hf_arguments import TrainingArguments, plugin_view, to_hf
from swift_lib.trainers.mapping import trainers_map
from swift_lib.trainers.plots import curves_of, write_html, write_pngs
from swift_lib.trainers.possible import require_possible
from swift_lib.trainers.report import Report
from swift_lib.trainers.resumable import trained_parameters
from swift_lib.trainers.resume import rows_per_step
from swift_lib.tuner_plugin.calling import get_tuner
from swift_lib.tuner_plugin.early import require_tunable
from swift_lib.tuner_plugin.quantization import quantization_config, require_quantization

logger = logging.getLogger(__name__)

FINAL = "final"
DATASET = "dataset"
RECORDS = "metrics.jsonl"

TrainingCommand = SftArguments | PretrainArguments


@dataclass(frozen=True)
class SftResult:
    """`final`: the folder of the adapter or the full weights; `metrics`: the run's figures by name."""

    output_dir: str
    final: str
    metrics: dict[str, float]


def sft_main(args: SftArguments | Sequence[str] | Mapping[str, Any] | None = None) -> SftResult:
    """Train. Writes checkpoints, final/, metrics.jsonl, images/, curves.html, args.json and, last, the manifest."""
    return fine_tune(as_arguments(SftArguments, args))


def fine_tune(args: TrainingCommand) -> SftResult:
    """`sft_main`, of arguments that are read already."""
    with stop_flag() as flag, join() as processes:
        _refuse_early(args)
        args = tasks.with_task(args)  # reads the model's files
        # What makes the rows and what trains on them share a tokenizer.
        with stage_output(args, "train", records=RECORDS, processes=processes) as output, shared_tokenizers():
            return _run(args, flag, processes, output)


def _refuse_early(args: TrainingCommand) -> None:
    """Raise what can be known before any work is done."""
    flat = args.to_flat()
    require_quantization(FlatView(flat))
    require_tunable(FlatView(flat), [local_model(adapter) for adapter in args.model.adapters])
    require_possible(FlatView(flat), flat, args.hf, environment.world_size())
    tell_unused_losses(args.train.loss_type)
    to_hf(flat, args.hf, output_dir=args.output_dir, dtype=torch.float32, validates=True)


def _run(args: TrainingCommand, flag: StopFlag, processes: Processes, output: StageOutput) -> SftResult:
    with processes.first("data") as is_first:
        if is_first:
            remove_incomplete(output.folder)
        if is_first or not only_first_reads(args):
            splits = _datasets(args, output, make=is_first)
    train, validation = shared(processes, splits if is_first else None) if only_first_reads(args) else splits
    args = tasks.with_problem(args, train)
    flag.check()
    with memory_errors(str(output.folder)):
        model, template = load(args)
        _require_fitting(args, template.task_type)
        if args.data.cached_dataset and processes.is_first:
            _require_same_vocabulary(train.folder.parent, template.tokenizer, args.model.model)
        hf_arguments = _hf_arguments(args, template, validation is not None)
        model, base = tune(args, plugin_view(hf_arguments), model, template)
        data = training_data(args, template, train, validation, tasks.collator(template, model))
        trained_on = _trained_on(train, template, data, hf_arguments) | {
            "base": base.get("loaded_sha256", base["sha256"]),
            "trained": content_hash(trained_parameters(model)),
        }
        trainer = make_trainer(args, hf_arguments, model, template, data)
        describe = partial(_describe, args, template, base, train.folder.parent)
        if data.joins_rows:
            with trainer.accelerator.autocast():
                require_isolation(trainer.model, tasks.reader(template.task_type))
        run = TrainingRun(args, trainer, flag, output.folder, trained_on, describe, processes)
        report = Report(output.tracker, Forecaster(partial(course, trainer, data)))
        trainer.add_callback(report)
        with closing(report):
            metrics = run.train(output.tracker) | report.figures()
        metrics |= report.judge(metrics["train_seconds"])
        trainer.require_frozen(base["sha256"])
        _save_final(trainer, output.folder / FINAL, describe, processes)
        metrics |= run.publish(output.folder / FINAL)
    if processes.is_first:
        _draw(trainer.state.log_history, output)
    metrics |= {"rows": float(len(train)), "validation_rows": float(len(validation or ()))}
    metrics["rows_per_second"] *= len(train) / len(data.train)  # the Trainer counts packs
    output.write_metrics(metrics, step=trainer.state.global_step)
    output.extra |= {"base": base, "datasets": {"train": train.digest}, **data.facts}
    return SftResult(str(output.folder), str(output.folder / FINAL), metrics)


def _datasets(args: TrainingCommand, output: StageOutput, *, make: bool) -> tuple[TokenDataset, TokenDataset | None]:
    """The splits to train on and to validate with, made where no artifact is given; `make` False: they are made."""
    folder = output.folder / DATASET
    if args.data.cached_dataset:
        folder = Path(local_model(args.data.cached_dataset))
        if make:
            _require_whole(folder)
    elif make:
        folder.mkdir(exist_ok=True)
        _, summary = tokenise_into(args, folder)
        output.extra |= summary
    output.add_input("tokens", folder)
    output.add_input("model", args.model.model)
    splits = {}
    for split in ("train", "validation"):
        if (folder / split).is_dir():
            splits[split] = TokenDataset.open(folder / split)
            rows = splits[split]
            tasks.require_rows(rows, args.model.task_type or "causal_lm")
            output.tracker.dataset(split, rows.digest, len(rows), str(folder / split), context=split)
    if "train" not in splits or not len(splits["train"]):
        raise DataError("The token dataset has no training rows", where=str(folder), fix="preprocess more rows")
    if args.objective.enable_channel_loss and "channel" not in splits["train"].manifest["dataset"]["columns"]:
        raise DataError(
            "no row has a channel, by which losses are told apart",
            where=f"--enable_channel_loss, {folder}",
            fix="give the rows a column channel, or leave the option out",
        )
    return splits["train"], splits.get("validation")


def _require_whole(folder: Path) -> None:
    if not has_manifest(folder):
        raise DataError("Not a token dataset (no manifest)", where=str(folder), fix="make it with `swift preprocess`")
    try:
        check(folder)
    except ManifestError as error:
        raise DataError(
            f"The token dataset is damaged: {error.what}", where=str(folder), fix="make it again"
        ) from error


def _require_same_vocabulary(folder: Path, tokenizer: Any, model: str) -> None:
    """Token ids mean what they were made to mean only with the same vocabulary, however its files are written."""
    used = read_manifest(folder).get("preprocess", {}).get("vocabulary")
    if used is not None and used != content_hash(tokenizer.get_vocab()):
        raise DataError(
            "The token dataset was made with another tokenizer: its vocabulary differs from the model's",
            where=str(folder),
            fix=f"preprocess again with --model {model}",
        )


def _require_fitting(args: TrainingCommand, task_type: str) -> None:
    """Raise ArgumentError for a loss or a metric of another task, where the model's files and no argument say which."""
    problems = [*loss_problems(args.train.loss_type, task_type), *metric_problems(args.measures.eval_metric, task_type)]
    if problems:
        raise ArgumentError(problems)


def load(args: TrainingCommand) -> tuple[Any, Any]:
    """The model with its weights, and the template that its rows were written with."""
    model, processor = get_model_processor(
        local_model(args.model.model),
        quantization_config=quantization_config(FlatView(args.to_flat())),
        **model_options(args),
    )
    template = get_template(processor, args.template.template, **template_options(args))
    template.set_mode("train")
    if args.objective.enable_channel_loss:
        template.remove_unused_columns = False  # batches say which channels their rows are of
    template.register_post_encode_hook(model)
    return model, tasks.prepare_template(template)


def _hf_arguments(args: TrainingCommand, template: Any, validates: bool) -> TrainingArguments:
    return to_hf(
        args.to_flat(),
        args.hf,
        output_dir=args.output_dir,
        dtype=template.tokenizer.model_info.torch_dtype,
        validates=validates,
        world_size=environment.world_size() // args.distributed.sequence_parallel_size,
    )


def _trained_on(
    train: TokenDataset, template: Any, data: TrainingData, hf_arguments: TrainingArguments
) -> dict[str, Any]:
    """What decides which rows come when: a checkpoint states it, and is gone on from with the same only."""
    return {
        "dataset": train.digest,
        "template": template.template_meta.template_type,
        "packing": data.facts.get("packing", {}).get("digest", "none"),
        "order": f"{hf_arguments.train_sampling_strategy}, seed {hf_arguments.data_seed}",
        "rows_per_step": rows_per_step(hf_arguments),
    }


def make_trainer(
    args: TrainingCommand,
    hf_arguments: TrainingArguments,
    model: Any,
    template: Any,
    data: TrainingData,
) -> Any:
    """The trainer of the task, with the extensions that the arguments name."""
    metric = args.measures.eval_metric or ("nlg" if args.predict.predict_with_generate else None)
    names = Extensions(args.train.loss_type, metric, args.optimization.optimizer, tuple(args.events.callbacks))
    name, options = tasks.trainer_options(args, template, data)
    if args.predict.predict_with_generate:
        options["generator"] = _generator(args, template)
    return trainers_map[name](
        model=model,
        args=hf_arguments,
        train_dataset=data.train,
        eval_dataset=data.validation,
        data_collator=data.collate,
        processing_class=template.processor,
        template=template,
        tuner=get_tuner(args.tuner.tuner_type),
        load_base=lambda: load(args)[0],
        extensions=names,
        **options,
    )


def _generator(args: TrainingCommand, template: Any) -> Generator:
    options = args.generation
    sampling = Sampling(
        temperature=options.temperature or 0.0,
        top_k=options.top_k or 0,
        top_p=options.top_p or 1.0,
        repetition_penalty=options.repetition_penalty or 1.0,
    )
    return Generator(
        template,
        sampling,
        max_new_tokens=options.max_new_tokens or 64,
        seed=args.common.seed,
        batch_size=args.train.per_device_eval_batch_size,
        stop_words=options.stop_words,
    )


def _describe(
    args: TrainingCommand,
    template: Any,
    base: Mapping[str, Any],
    tokens: Path,
    stage: str,
    step: int,
    folder: Path,
    facts: Mapping[str, Any],
) -> None:
    """Complete a folder of saved weights: args.json with type and template, how prompts are written, its manifest."""
    save_args(args, folder)
    carry(tokens, folder)
    meta = template.tokenizer.model_meta
    record_model_names(folder, model_type=meta.model_type, template=template.template_meta.template_type)
    write_manifest(folder, stage=stage, arguments=args.to_flat(), extra={"step": step, "base": base, **facts})


def _save_final(trainer: Any, folder: Path, describe: Describe, processes: Processes) -> None:
    """Weights and tokenizer, written aside and renamed. Weights that are spread are collected by all processes."""
    aside = folder.with_name(f"{ASIDE}{folder.name}")
    with disk_errors(str(folder)):
        if processes.is_first:
            shutil.rmtree(aside, ignore_errors=True)
        trainer.save_model(str(aside))
        if not processes.is_first:
            return
        describe("final", trainer.state.global_step, aside, {})
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(aside, folder)


def _draw(history: list[dict[str, Any]], output: StageOutput) -> None:
    curves = curves_of(history)
    for path in write_pngs(curves, output.folder / "images"):
        output.tracker.artifact(path, "images")
    write_html(curves, output.folder / "curves.html", "Training curves")
    output.tracker.artifact(output.folder / "curves.html")
