"""What a model of another task than text says of rows: scores of classes, of documents, of steps, or embeddings."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from swift_lib.arguments import InferArguments, as_arguments
from swift_lib.core.errors import DataError
from swift_lib.model.loader import get_model_processor
from swift_lib.pipelines import tasks
from swift_lib.pipelines.engine import local_model, model_options, read_rows, task_of, template_options
from swift_lib.template.choose import get_template
from swift_lib.template.steps import step_ends
from swift_lib.template.tasks import RERANKERS
from swift_lib.trainers.embedding import embedded
from swift_lib.trainers.prm import step_probabilities
from swift_lib.trainers.reranker import answered
from swift_lib.trainers.seq_cls import classified, probabilities
from swift_lib.tuner_plugin.calling import load_adapter

_TRAINED = ("prm",)  # encoded as for training, which says where its steps end


def predict(args: InferArguments | Sequence[str] | Mapping[str, Any] | None = None) -> list[np.ndarray]:
    """What the model says of each row of `val_dataset`, in their order; see `Predictor`."""
    arguments = as_arguments(InferArguments, args)
    return Predictor(arguments)(read_rows(arguments.data.val_dataset, arguments))


class Predictor:
    """A trained model (`model`, `adapters`) of any task but text, loaded as its args.json says.

    Called with rows in the standard form it gives an array, float32, for each: of a classifier the probabilities of the
    classes (num_labels,), or the numbers of a regression; of an embedding model the embedding (width,), of length 1; of
    a reranker the probability that the row's document, an assistant message, fits its query, or an array of those of
    its positive_messages and negative_messages; of a process reward model the probabilities (steps, num_labels).
    """

    def __init__(self, args: InferArguments | Sequence[str] | Mapping[str, Any]) -> None:
        args = as_arguments(InferArguments, args)
        self.task = task_of(args)
        if self.task.task_type == "causal_lm":
            raise DataError(
                "a language model gives text, not scores", where=args.model.model, fix="ask it with swift infer"
            )
        given = {name: value for name, value in self.task._asdict().items() if value is not None}
        self.model, processor = get_model_processor(local_model(args.model.model), **{**model_options(args), **given})
        for adapter in args.model.adapters:
            self.model = load_adapter(self.model, local_model(adapter))
        self.model.eval()
        self.template = tasks.prepare_template(
            get_template(processor, args.template.template, **template_options(args))
        )
        self.template.register_post_encode_hook(self.model)
        self._collate = tasks.collator(self.template, self.model)
        self._batch_size = max(1, args.engine.max_batch_size)
        self._answers = (
            tasks.answers(args, self.template.tokenizer) if self.task.task_type == "generative_reranker" else None
        )

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> list[np.ndarray]:
        """What the model says of each row."""
        encoded = [self._encode(row) for row in rows]
        said = iter(self._said([sequence for sequences, _ in encoded for sequence in sequences]))
        return [
            np.array([next(said) for _ in sequences]) if is_group else next(said) for sequences, is_group in encoded
        ]

    def _encode(self, row: Mapping[str, Any]) -> tuple[list[dict[str, Any]], bool]:
        """The sequences of a row, and whether they are several documents."""
        is_group = self.task.task_type in RERANKERS and ("positive_messages" in row or "negative_messages" in row)
        self.template.set_mode("train" if is_group or self.task.task_type in _TRAINED else "transformers")
        encoded = self.template.encode(row)
        if not is_group:
            return [encoded], False
        return [{"input_ids": ids} for ids in encoded["input_ids"]], True

    @torch.inference_mode()
    def _said(self, sequences: Sequence[dict[str, Any]]) -> Iterator[np.ndarray]:
        self.template.set_mode("transformers")
        for start in range(0, len(sequences), self._batch_size):
            part = sequences[start : start + self._batch_size]
            batch = self._collate([{key: value for key, value in row.items() if key not in _LABELS} for row in part])
            inputs = {key: value.to(self.model.device) for key, value in batch.items()}
            yield from (found.float().cpu().numpy() for found in self._of_batch(inputs, part))

    def _of_batch(self, inputs: dict[str, torch.Tensor], rows: Sequence[Mapping[str, Any]]) -> Sequence[torch.Tensor]:
        task_type = self.task.task_type
        if task_type == "embedding":
            return list(embedded(self.model, inputs))
        if task_type == "prm":
            return step_probabilities(self.model(**inputs).logits, inputs["attention_mask"], _ends(rows))
        if self._answers is not None:
            return list(answered(self.model, inputs, self._answers).squeeze(-1).sigmoid())
        at_tokens = bool(getattr(self.model, "judges_last_tokens", False))
        logits = classified(self.model, inputs, at_tokens=at_tokens).logits
        if task_type == "reranker":
            return list(logits.float().squeeze(-1).sigmoid())
        return list(probabilities(logits.float(), self.task.problem_type))


_LABELS = ("labels", "label", "loss_scale")


def _ends(rows: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    return [step_ends(row["labels"]) for row in rows]
