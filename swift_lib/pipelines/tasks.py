"""What the commands need to know about a task: which it is, which rows it takes, how its model is asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from swift_lib.arguments import PretrainArguments
from swift_lib.core import environment
from swift_lib.core.errors import ArgumentError, DataError, ModelError, TrainingError
from swift_lib.dataset.artifact import TokenDataset
from swift_lib.model.tasks import Task
from swift_lib.pipelines.engine import task_of
from swift_lib.pipelines.training_data import TrainingData
from swift_lib.template.collate import pooled_tokens
from swift_lib.template.groups import AllDocuments
from swift_lib.template.packed import logits_of
from swift_lib.template.tasks import RERANKERS

TOKEN_TASKS = ("causal_lm", "prm")
"""Tasks whose loss is of tokens; the others' is of sequences, each by one of its tokens."""

# What the rows of a task hold: the roles of their sequences, and the kinds of their labels.
_ROLES: Mapping[str, frozenset[str]] = {
    "embedding": frozenset({"anchor", "positive", "negative"}),
    **dict.fromkeys(RERANKERS, frozenset({"document"})),
}
_KINDS = {
    "seq_cls": ("class", "classes", "score", "scores", "flag"), "prm": ("classes",), "embedding": ("scores",),
    **dict.fromkeys(RERANKERS, ("classes",)),
}  # fmt: skip
_PROBLEMS = {
    "flag": "single_label_classification", "class": "single_label_classification",
    "classes": "multi_label_classification", "score": "regression", "scores": "regression",
}  # fmt: skip


def with_task(args: Any) -> Any:
    """Training arguments that name their task. Raises ArgumentError where it needs what is not given."""
    task = task_of(args)
    if isinstance(args, PretrainArguments) and task.task_type != "causal_lm":
        raise ArgumentError([f"--task_type: swift pt trains on tokens, not {task.task_type}; use swift sft"])
    if task.task_type == "seq_cls" and task.num_labels is None:
        raise ArgumentError(["--num_labels: seq_cls needs the number of classes (1 predicts a number)"])
    if task.task_type != "causal_lm" and args.predict.predict_with_generate:
        raise ArgumentError([f"--predict_with_generate: {task.task_type} generates nothing"])
    if task == Task():
        return args
    if task.task_type != "generative_reranker":
        return args.replaced(**task._asdict())
    words = {name: getattr(args.answers, name) or word for name, word in answer_words().items()}
    return args.replaced(**task._asdict(), **words)


def with_problem(args: Any, rows: TokenDataset) -> Any:
    """The arguments with the problem type of a classifier, by the labels of its rows where none is given.

    Raises DataError for labels that do not fit it.
    """
    if args.model.task_type not in ("seq_cls", "prm"):
        return args
    kind, classes = str(rows.manifest["dataset"]["label"]), args.model.num_labels
    problem = args.model.problem_type or _PROBLEMS[kind]
    if args.model.task_type == "prm":
        problem = None
    elif problem != "regression" and kind in ("score", "scores"):
        raise DataError(f"labels are numbers, and {problem} needs classes", where=str(rows.folder), fix=_REGRESSION)
    elif problem == "regression" and kind == "score" and classes != 1:
        raise DataError(f"labels are one number, not {classes}", where=str(rows.folder), fix=_REGRESSION)
    if problem != "regression" and (largest := rows.largest_label()) >= classes:
        raise DataError(
            f"a label is {largest:g}, and {classes} classes end with {classes - 1}",
            where=str(rows.folder),
            fix=f"give --num_labels {int(largest) + 1}, or mend the rows",
        )
    return args.replaced(problem_type=problem)


_REGRESSION = "give --problem_type regression and --num_labels 1, or rows whose labels are classes"


def require_rows(rows: TokenDataset, task_type: str) -> None:
    """Raise DataError for rows that were made for another training: pairs, groups, labels, or none of these."""
    info = rows.manifest["dataset"]
    roles, kind = frozenset(info["roles"]), info["label"]
    wanted = _ROLES.get(task_type, frozenset())
    fits = roles <= wanted and bool(roles) == bool(wanted) and kind in _KINDS.get(task_type, (None,))
    if fits and (task_type in TOKEN_TASKS) == bool(info["trained_tokens"]):
        return
    held = " and ".join([*sorted(roles), *([] if kind is None else ["a label"])]) or "one conversation and no label"
    raise DataError(
        f"each row holds {held}: {_NEEDS[task_type]}",
        where=str(rows.folder),
        fix=f"preprocess the rows again with --template_mode train and --task_type {task_type}"
        + (", which takes the conversation (of a pair, the chosen one)" if task_type == "causal_lm" else ""),
    )


_NEEDS = {
    "causal_lm": "supervised fine-tuning takes one conversation a row",
    "seq_cls": "a classifier takes a conversation and its label",
    "prm": "process rewards take a reply in steps and a label for each step",
    "embedding": "embeddings take an anchor, a positive and negatives",
    **dict.fromkeys(RERANKERS, "rerankers take the documents of a query"),
}


def prepare_template(template: Any) -> Any:
    """Set what the batches of a task need, in place: all documents that were drawn, the answer at the end of a row."""
    if template.task_type in RERANKERS:
        template.sampler = AllDocuments()
    if template.task_type == "generative_reranker":
        template.padding_side = "left"
    return template


@dataclass(frozen=True)
class Collator:
    """Makes a batch of rows, or of packs of rows, by the template's own collator.

    pooled: of tasks whose loss is of sequences, which of their tokens speaks for them, last or first; else "".
    """

    template: Any
    pooled: str = ""

    def __call__(self, rows: Sequence[Any]) -> Any:
        """Collate the rows of all packs."""
        flat = [row for entry in rows for row in ([entry] if isinstance(entry, Mapping) else entry)]
        batch = self.template.data_collator(flat)
        if not self.pooled:
            return batch
        return {**batch, "pooled_tokens": pooled_tokens(batch, first=self.pooled == "first")}


def collator(template: Any, model: Any) -> Collator:
    """The batches of the template's task."""
    is_of_tokens = template.task_type in TOKEN_TASKS
    return Collator(template, "" if is_of_tokens else getattr(model, "pooling", "last"))


def reader(task_type: str) -> Callable[[Any, torch.Tensor, torch.Tensor], torch.Tensor]:
    """How a task's model is asked about every token of a packed batch."""
    if task_type == "embedding":
        return lambda model, ids, positions: model(input_ids=ids, position_ids=positions).last_hidden_state
    return _judgements if task_type in ("seq_cls", "reranker") else logits_of


def _judgements(model: Any, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    if not getattr(model, "judges_last_tokens", False):
        raise TrainingError(
            "this classifier judges the first token of a batch's row, and packed rows have none of their own",
            where=type(model).__name__,
            fix="train without --packing and --padding_free",
        )
    every = torch.arange(ids.numel(), device=ids.device)
    return model(input_ids=ids, position_ids=positions, last_tokens=every).logits.unflatten(0, ids.shape)


def answers(args: Any, tokenizer: Any) -> tuple[int, int]:
    """The token ids of a generative reranker's words for yes and no. Raises ModelError for what is no single token."""
    found = []
    for name in ("positive_token", "negative_token"):
        word = getattr(args.answers, name) or answer_words()[name]
        number = tokenizer.convert_tokens_to_ids(word)
        if number is None or number == tokenizer.unk_token_id:
            raise ModelError(
                f"the tokenizer has no token {word!r}, by which a generative reranker answers",
                where=str(getattr(tokenizer, "name_or_path", "")),
                fix=f"name one that it has with --{name}",
            )
        found.append(int(number))
    return found[0], found[1]


def answer_words() -> dict[str, str]:
    """The words for yes and no where no argument names them, by the name of the argument."""
    words = {"positive_token": ("POSITIVE", "yes"), "negative_token": ("NEGATIVE", "no")}
    return {
        name: environment.get(f"GENERATIVE_RERANKER_{variable}_TOKEN", word) for name, (variable, word) in words.items()
    }


def trainer_options(args: Any, template: Any, data: TrainingData) -> tuple[str, dict[str, Any]]:
    """The name of the trainer, and what it takes beyond others."""
    if isinstance(args, PretrainArguments):
        return "pretrain", {}
    task_type = args.model.task_type or "causal_lm"
    if task_type == "embedding":
        rows: Any = getattr(data.train, "rows", data.train)  # of packs, or rows themselves
        return task_type, {"has_negatives": "negative" in rows.manifest["dataset"]["roles"]}
    if task_type not in RERANKERS:
        return task_type, {}
    options: dict[str, Any] = {
        "positives": args.reranking.max_positive_samples
        or environment.count("MAX_POSITIVE_SAMPLES", template.max_positive_samples),
        "negatives": args.reranking.max_negative_samples
        or environment.count("MAX_NEGATIVE_SAMPLES", template.max_negative_samples),
    }
    if task_type == "generative_reranker":
        options["answers"] = answers(args, template.tokenizer)
    return task_type, options
