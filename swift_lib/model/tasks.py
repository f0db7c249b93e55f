"""What a model is for: as asked, else as its own files say. Loads no torch."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from swift_lib.core.errors import ModelError
from swift_lib.model.base import ModelMeta

WITH_HEAD = ("seq_cls", "reranker", "prm")
"""Tasks whose model ends in a classifier."""
GENERATING = ("causal_lm", "generative_reranker")
"""Tasks whose model writes text."""
PROBLEM_TYPES = ("regression", "single_label_classification", "multi_label_classification")

_CLASSIFIER = "ForSequenceClassification"
_LABELS = {"reranker": 1, "prm": 2}


class Task(NamedTuple):
    """A task. num_labels: outputs of the classifier, None without one; problem_type: None where the labels decide."""

    task_type: str = "causal_lm"
    num_labels: int | None = None
    problem_type: str | None = None


Asked = tuple[str | None, int | None, str | None]
"""The fields of a Task as somebody gave them, None for what they did not say."""


def resolve_task(meta: ModelMeta, config: Mapping[str, Any], saved: Mapping[str, Any], asked: Asked) -> Task:
    """The task that is asked for, else that of the args.json beside the weights (`saved`), of the model type, or of the
    class in config.json. A number of labels alone means seq_cls. Raises ModelError for what contradicts itself.
    """
    task_type, num_labels, problem_type = asked
    is_classifier = str((config.get("architectures") or [""])[0]).endswith(_CLASSIFIER)
    known = saved.get("task_type") or meta.task_type or ("seq_cls" if meta.is_reward or is_classifier else None)
    if task_type is None and num_labels is not None and known not in WITH_HEAD:
        known = "seq_cls"
    task_type = task_type or known or "causal_lm"
    if task_type == saved.get("task_type"):
        num_labels, problem_type = num_labels or saved.get("num_labels"), problem_type or saved.get("problem_type")
    if task_type not in WITH_HEAD:
        if num_labels is not None:
            raise ModelError(f"{task_type} has no classes", where="--num_labels", fix="leave it out")
        num_labels = None
    elif num_labels is None and is_classifier:
        num_labels = len(config.get("id2label") or ("no", "yes"))  # two are not written down
    elif num_labels is None:
        num_labels = 1 if meta.is_reward and task_type == "seq_cls" else _LABELS.get(task_type)
    if task_type == "reranker" and num_labels != 1:
        raise ModelError(
            f"a reranker gives one score, not {num_labels}", where="--num_labels", fix="leave it out, or give 1"
        )
    if task_type != "seq_cls":
        return Task(task_type, num_labels, None)
    problem_type = problem_type or config.get("problem_type") or ("regression" if num_labels == 1 else None)
    return Task(task_type, num_labels, problem_type)
