"""Models for other tasks than writing text: a classifier on top of the language model, or nothing at all.

The weights of a language model do for each of them; a classifier that is not among them begins the same every time,
whatever was drawn before, so that the base of an adapter is the same in training, after it and in every process.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoModel, AutoModelForTokenClassification
from transformers.modeling_outputs import SequenceClassifierOutputWithPast
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
)

from swift_lib.core.errors import ModelError
from swift_lib.core.types import TASK_HEADS
from swift_lib.model.tasks import WITH_HEAD, Task

_UNUSED = ("pooler", "lm_head", "cls")  # of a language model, or of an encoder's pre-training
_SEED = 20260
_POOLING = "1_Pooling/config.json"
_POOLINGS = {"pooling_mode_lasttoken": "last", "pooling_mode_cls_token": "first"}


class AtLastTokens:
    """In front of transformers' class of a classifier: the token that is judged is told, not guessed from padding."""

    base_model_prefix: str
    score: torch.nn.Module

    @property
    def judges_last_tokens(self) -> bool:
        """Whether `last_tokens` may be given: the classifier is one layer on the language model's last states."""
        return hasattr(self, "score")

    def forward(self, input_ids: Any = None, *, last_tokens: torch.Tensor | None = None, **inputs: Any) -> Any:
        """last_tokens: (sequences,) int64, positions in the flattened batch; the logits are (sequences, num_labels).

        Without them as transformers does it.
        """
        if last_tokens is None:
            return super().forward(input_ids, **inputs)  # type: ignore[misc]
        given = {name: value for name, value in inputs.items() if value is not None and name != "return_dict"}
        states = getattr(self, self.base_model_prefix)(input_ids, **given).last_hidden_state
        return SequenceClassifierOutputWithPast(logits=self.score(states.flatten(0, 1)[last_tokens]))


def task_model(task: Task) -> "TaskModel | None":
    """What loads the model of a task; None where the type's own class does."""
    return TaskModel(task) if task.task_type in WITH_HEAD or task.task_type == "embedding" else None


class TaskModel:
    """Takes the place of an `AutoModelFor...` class: loads what a task needs of a folder."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def from_pretrained(self, folder: str, *, config: Any, **kwargs: Any) -> Any:
        """The model; carries `pooling` where it embeds. Raises ModelError where transformers has none for the task."""
        if self._task.task_type == "embedding":
            model = self._loaded(AutoModel, folder, config, kwargs)
            model.pooling = pooling(Path(folder), config)
            return model
        if self._task.num_labels is None:
            raise ModelError("nothing says how many classes there are", where="--num_labels", fix="give --num_labels")
        config.num_labels, config.problem_type = self._task.num_labels, self._task.problem_type
        if self._task.task_type != "prm":
            return self._loaded(_classifier(config), folder, config, kwargs)
        if not hasattr(config, "hidden_dropout_prob") and getattr(config, "classifier_dropout", None) is None:
            config.classifier_dropout = 0.0  # transformers' own is 0.1, on models that have no other dropout
        return self._loaded(AutoModelForTokenClassification, folder, config, kwargs)

    def _loaded(self, cls: Any, folder: str, config: Any, kwargs: Mapping[str, Any]) -> Any:
        level = transformers.utils.logging.get_verbosity()
        transformers.utils.logging.set_verbosity_error()  # its table of a head that is not there yet, as it should be
        try:
            model, found = cls.from_pretrained(folder, config=config, output_loading_info=True, **kwargs)
        except ValueError as error:
            if "Unrecognized configuration class" in str(error):
                raise _no_class(self._task.task_type, config) from error
            raise
        except RuntimeError as error:
            if "mismatch" not in str(error):
                raise
            raise ModelError(
                f"the weights hold a classifier that does not have {self._task.num_labels} outputs",
                where=folder,
                fix="give --num_labels as it was trained, or the language model without a classifier",
            ) from error
        finally:
            transformers.utils.logging.set_verbosity(level)
        _require_fitting(found, folder)
        _begin(model, found["missing_keys"])
        return model


def pooling(folder: Path, config: Any) -> str:
    """Which token's state embeds a text: last, or first as in encoders; 1_Pooling/config.json says otherwise.

    Raises ModelError for what needs more than one token, or further layers.
    """
    stated = folder / _POOLING
    if not stated.is_file():
        return "first" if type(config) in MODEL_FOR_MASKED_LM_MAPPING else "last"
    settings = json.loads(stated.read_text(encoding="utf-8"))
    chosen = [name for name, value in settings.items() if name.startswith("pooling_mode_") and value is True]
    dense = sorted(path.name for path in folder.glob("*_Dense"))
    if dense or len(chosen) != 1 or chosen[0] not in _POOLINGS:
        raise ModelError(
            f"embeddings by {', '.join([*chosen, *dense]) or 'an unknown rule'} are not supported",
            where=str(stated),
            fix=f"give a model that embeds by {' or '.join(_POOLINGS)}",
        )
    return _POOLINGS[chosen[0]]


def _classifier(config: Any) -> Any:
    try:
        cls = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)]
    except KeyError as error:
        raise _no_class("seq_cls", config) from error
    # Of the same name, which is written into config.json.
    return type(cls.__name__, (AtLastTokens, cls), {"__module__": cls.__module__})


def _no_class(task_type: str, config: Any) -> ModelError:
    return ModelError(
        f"transformers has no class for {task_type} with {type(config).__name__}",
        where="--task_type",
        fix="choose another model: most text models have one",
    )


def _require_fitting(found: Mapping[str, Any], folder: str) -> None:
    """Refuse weights that miss more than a head, or hold another head."""
    missing = [key for key in found["missing_keys"] if not _part_of(key, TASK_HEADS) and not _part_of(key, _UNUSED)]
    other = [key for key in found["unexpected_keys"] if _part_of(key, TASK_HEADS)]
    if missing or other:
        named = ", ".join(sorted([*missing, *other])[:3])
        raise ModelError(
            f"the weights are not those of this task: {len(missing)} are missing and {len(other)} belong to another "
            f"head ({named})",
            where=folder,
            fix="give the language model, or the --task_type that they were trained for",
        )


def _part_of(key: str, names: tuple[str, ...]) -> bool:
    return any(part in names for part in key.split("."))


def _begin(model: Any, missing: Any) -> None:
    """Draw the new weights (normal, the config's initializer_range) from a generator of their own; biases are 0."""
    generator = torch.Generator().manual_seed(_SEED)
    deviation = getattr(model.config.get_text_config(), "initializer_range", None) or 0.02
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            if name not in missing or parameter.is_meta:
                continue
            drawn = torch.zeros(parameter.shape)
            if parameter.ndim > 1:
                drawn.normal_(0.0, deviation, generator=generator)
            parameter.copy_(drawn)
