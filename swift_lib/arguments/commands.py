"""The commands' argument classes, composed of groups."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from swift_lib.arguments.callbacks import CallbackArguments
from swift_lib.arguments.command import Command
from swift_lib.arguments.common import CommonArguments, TrackingArguments
from swift_lib.arguments.data import DataArguments
from swift_lib.arguments.distributed import DistributedArguments, ProcessArguments
from swift_lib.arguments.gates import GateArguments
from swift_lib.arguments.inference import EngineArguments, GenerationArguments, InferOptions
from swift_lib.arguments.loss import LossArguments
from swift_lib.arguments.metrics import MetricArguments
from swift_lib.arguments.model import ModelArguments
from swift_lib.arguments.optimizer import OptimizerArguments
from swift_lib.arguments.predict import PredictArguments
from swift_lib.arguments.stages import (
    DeployOptions,
    EvaluationOptions,
    ExportOptions,
    PreprocessOptions,
    SamplingOptions,
    SmokeOptions,
)
from swift_lib.arguments.task import AnswerArguments, RerankerArguments
from swift_lib.arguments.template import TemplateArguments
from swift_lib.arguments.train import TrainLoopArguments
from swift_lib.arguments.tuner import TunerArguments
from swift_lib.loss.base import loss_problems
from swift_lib.metrics.base import metric_problems


@dataclass(frozen=True, init=False)
class PreprocessArguments(Command):
    """Turn conversations into tokens, once."""

    preprocess: PreprocessOptions
    model: ModelArguments
    template: TemplateArguments
    data: DataArguments
    gates: GateArguments
    tracking: TrackingArguments
    common: CommonArguments

    defaults: ClassVar[Mapping[str, Any]] = {"load_args": False}

    def problems(self) -> Iterator[str]:
        """Needs rows, renders them itself."""
        if not self.data.dataset and not self.data.cached_dataset:
            yield "--dataset: required"
        if self.data.cached_dataset:
            yield "--cached_dataset: is preprocessed already; give it to swift sft"
        yield from _training_template(self.template)


@dataclass(frozen=True, init=False)
class SftArguments(Command):
    """Fine-tune a model on conversations."""

    model: ModelArguments
    template: TemplateArguments
    data: DataArguments
    gates: GateArguments
    tuner: TunerArguments
    answers: AnswerArguments
    reranking: RerankerArguments
    train: TrainLoopArguments
    objective: LossArguments
    optimization: OptimizerArguments
    events: CallbackArguments
    measures: MetricArguments
    predict: PredictArguments
    generation: GenerationArguments
    processes: ProcessArguments
    distributed: DistributedArguments
    tracking: TrackingArguments
    common: CommonArguments
    hf: Mapping[str, Any]

    defaults: ClassVar[Mapping[str, Any]] = {"load_args": False, "max_new_tokens": 64, "temperature": 0.0}

    def problems(self) -> Iterator[str]:
        """Needs rows; evaluates only where there are rows for it."""
        yield from _of_training(self)


TrainArguments = SftArguments


@dataclass(frozen=True, init=False)
class PretrainArguments(Command):
    """Go on with pre-training on plain text: no chat template, every token trained."""

    model: ModelArguments
    template: TemplateArguments
    data: DataArguments
    gates: GateArguments
    tuner: TunerArguments
    train: TrainLoopArguments
    objective: LossArguments
    optimization: OptimizerArguments
    events: CallbackArguments
    measures: MetricArguments
    predict: PredictArguments
    generation: GenerationArguments
    processes: ProcessArguments
    distributed: DistributedArguments
    tracking: TrackingArguments
    common: CommonArguments
    hf: Mapping[str, Any]

    defaults: ClassVar[Mapping[str, Any]] = {
        **SftArguments.defaults,
        "output_dir": "output/pt",
        "use_chat_template": False,
        "loss_scale": "all",
    }

    def problems(self) -> Iterator[str]:
        """As for supervised training."""
        yield from _of_training(self)


@dataclass(frozen=True, init=False)
class InferArguments(Command):
    """Ask a model, in a conversation or for every row of val_dataset."""

    infer: InferOptions
    model: ModelArguments
    template: TemplateArguments
    data: DataArguments
    generation: GenerationArguments
    answers: AnswerArguments
    engine: EngineArguments
    processes: ProcessArguments
    common: CommonArguments

    def problems(self) -> Iterator[str]:
        """Answers whole rows, so only val_dataset names them."""
        yield from _not_used(self.data, "the rows to answer are named by --val_dataset", "dataset")


@dataclass(frozen=True, init=False)
class ExportArguments(Command):
    """Merge adapters into their base and write full weights."""

    export: ExportOptions
    model: ModelArguments
    template: TemplateArguments
    tracking: TrackingArguments
    common: CommonArguments


@dataclass(frozen=True, init=False)
class EvalArguments(Command):
    """Score a model on held-out prompts, and compare it with its base."""

    evaluation: EvaluationOptions
    model: ModelArguments
    template: TemplateArguments
    generation: GenerationArguments
    engine: EngineArguments
    tracking: TrackingArguments
    common: CommonArguments

    defaults: ClassVar[Mapping[str, Any]] = {"temperature": 0.0}

    def problems(self) -> Iterator[str]:
        """Needs prompts."""
        if not self.evaluation.eval_dataset:
            yield "--eval_dataset: required"


@dataclass(frozen=True, init=False)
class SamplingArguments(Command):
    """Draw several replies to each prompt, score them, select the best."""

    sampling: SamplingOptions
    model: ModelArguments
    template: TemplateArguments
    data: DataArguments
    generation: GenerationArguments
    engine: EngineArguments
    tracking: TrackingArguments
    common: CommonArguments

    defaults: ClassVar[Mapping[str, Any]] = {"temperature": 1.0}

    def problems(self) -> Iterator[str]:
        """Needs prompts, and chance where several replies are asked for."""
        yield from _not_used(self.data, "the prompts are named by --dataset", "val_dataset")
        if not self.data.dataset:
            yield "--dataset: required"
        if self.sampling.num_return_sequences > 1 and self.generation.temperature == 0:
            yield "--temperature: 0 gives the same reply every time; give more than 0 or --num_return_sequences 1"


@dataclass(frozen=True, init=False)
class DeployArguments(Command):
    """Serve a model over the OpenAI API."""

    deploy: DeployOptions
    model: ModelArguments
    template: TemplateArguments
    generation: GenerationArguments
    engine: EngineArguments
    common: CommonArguments


@dataclass(frozen=True, init=False)
class ServeArguments(Command):
    """Start a server, ask it questions, measure, stop it."""

    smoke: SmokeOptions
    deploy: DeployOptions
    model: ModelArguments
    template: TemplateArguments
    generation: GenerationArguments
    engine: EngineArguments
    tracking: TrackingArguments
    common: CommonArguments

    defaults: ClassVar[Mapping[str, Any]] = {"infer_backend": "vllm", "port": 0, "temperature": 0.0}


def _not_used(data: DataArguments, reason: str, name: str) -> Iterator[str]:
    for unused in (name, "cached_dataset", "split_dataset_ratio"):
        if getattr(data, unused):
            yield f"--{unused}: {reason}"


def _training_template(template: TemplateArguments) -> Iterator[str]:
    if template.template_backend == "jinja":
        yield "--template_backend: jinja renders prompts only and cannot say which tokens are trained; use swift"


def _of_training(args: Any) -> Iterator[str]:
    data, train = args.data, args.train
    if not data.dataset and not data.cached_dataset:
        yield "--dataset: required (or --cached_dataset, the output of swift preprocess)"
    has_validation = bool(data.val_dataset or data.split_dataset_ratio or data.cached_dataset)
    if train.eval_strategy not in (None, "no") and not has_validation:
        yield "--eval_strategy: there is no validation data; give --val_dataset or --split_dataset_ratio"
    if args.predict.predict_with_generate and not has_validation:
        yield "--predict_with_generate: there are no prompts; give --val_dataset or --split_dataset_ratio"
    if args.predict.predict_with_generate and args.generation.num_beams > 1:
        yield "--num_beams: replies are generated without beam search while training; leave it out"
    if train.packing and not data.dataset_shuffle and train.packing_strategy != "sequential":
        yield "--dataset_shuffle: false keeps the order of the rows, so --packing_strategy must be sequential"
    if train.load_best_model_at_end and not has_validation:
        yield "--load_best_model_at_end: there is no validation data; give --val_dataset or --split_dataset_ratio"
    yield from _training_template(args.template)
    task = args.model.task_type or ("seq_cls" if args.model.num_labels else None)
    if task is not None:  # else the model's type says it, which is known when the model is found
        yield from loss_problems(train.loss_type, task)
        yield from metric_problems(args.measures.eval_metric, task)
    if args.measures.eval_metric == "nlg" and not args.predict.predict_with_generate:
        yield "--eval_metric: nlg compares generated replies; give --predict_with_generate true"
