"""What is known about a model type, as data."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import Any

from swift_lib.core.errors import ModelError
from swift_lib.core.types import ModelKeys
from swift_lib.model.arch import MODEL_ARCH_MAPPING

LoadFunction = Callable[..., tuple[Any, Any]]
"""(model_dir, model_info, model_kwargs, load_model=True, **kwargs) -> (model or None, tokenizer or processor)"""


@dataclass
class Model:
    """One published model: its ids on the hubs, or a local path."""

    ms_model_id: str | None = None
    hf_model_id: str | None = None
    model_path: str | None = None
    ms_revision: str | None = None
    hf_revision: str | None = None

    @property
    def ids(self) -> list[str]:
        """Everything that names this model."""
        return [name for name in (self.ms_model_id, self.hf_model_id, self.model_path) if name]


@dataclass
class ModelGroup:
    """Models of one type that share a template. None: as the type's ModelMeta says."""

    models: list[Model]
    template: str | None = None
    ignore_patterns: list[str] | None = None
    requires: list[str] | None = None
    tags: list[str] = field(default_factory=list)


@dataclass
class ModelMeta:
    """A model type: how its models are recognised, written to and loaded.

    model_type: unique id, what --model_type takes.
    model_groups: the models; the last part of --model is compared with the last part of their ids and paths.
    template: used where neither --template nor the model's group names one.
    get_function: loads model and tokenizer (LoadFunction), or its "module:attribute"; for text models usually
        get_model_tokenizer_with_flash_attn. Either this or `loader` is given.
    model_arch: name or object that says where the modules are; needed to train multimodal models.
    architectures: values of config.json's `architectures` that mean this type.
    additional_saved_files: copied along when the whole model is saved or merged.
    torch_dtype: used where none is asked for; None: as config.json says.
    ignore_patterns: files (regular expressions) not downloaded, besides other formats of the weights.
    requires: libraries with versions that loading needs (`transformers>=4.51`).
    is_reward: a reward model, which scores a conversation with one number.
    task_type: what it was made for where that is not text generation; such a type is meant only by name.
    loader: a subclass of ModelLoader, or its "module:attribute".
    mcore_model_type: name of the architecture in Megatron.

    Positions 3 and 4 are (template, get_function) as in 3.x, or (loader, template) as in 4.x: a class is a loader, a
    name a template.
    """

    model_type: str | None
    model_groups: list[ModelGroup]
    template: str | None = None
    get_function: LoadFunction | str | None = None
    model_arch: ModelKeys | str | None = None
    architectures: list[str] = field(default_factory=list)
    additional_saved_files: list[str] = field(default_factory=list)
    torch_dtype: Any = None
    is_multimodal: bool = False
    ignore_patterns: list[str] = field(default_factory=list)
    requires: list[str] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    is_reward: bool = False
    task_type: str | None = None
    loader: type | str | None = None
    mcore_model_type: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.model_groups, ModelGroup):
            self.model_groups = [self.model_groups]
        self.ignore_patterns = self.ignore_patterns or []
        self._tell_positions_apart()
        where = f"model_type {self.model_type!r}"
        if (self.get_function is None) == (self.loader is None):
            raise ModelError(
                "ModelMeta needs get_function or loader" + (", not both" if self.loader else ""),
                where=where,
                fix="for a text model give get_function=get_model_tokenizer_with_flash_attn, or loader=ModelLoader",
            )
        if not self.candidate_templates:
            raise ModelError("ModelMeta needs a template", where=where, fix="give template=, here or in its groups")
        if isinstance(self.model_arch, str):
            self.model_arch = MODEL_ARCH_MAPPING[self.model_arch]

    def _tell_positions_apart(self) -> None:
        if isinstance(self.template, type):
            self.loader, self.template = self.loader or self.template, None
        if isinstance(self.get_function, str) and ":" not in self.get_function:
            if self.template is not None:
                raise ModelError(
                    f"get_function is the name {self.get_function!r}",
                    where=f"model_type {self.model_type!r}",
                    fix='give the function itself, or its "module:attribute"',
                )
            self.template, self.get_function = self.get_function, None

    @property
    def candidate_templates(self) -> list[str]:
        """Every template that some model of this type uses."""
        names = [self.template, *(group.template for group in self.model_groups)]
        return list(dict.fromkeys(name for name in names if name))

    def load_function(self) -> LoadFunction:
        """What loads model and processor: get_function itself, or a function that asks the loader."""
        target: Any = self.get_function or self.loader
        if isinstance(target, str):
            module, _, attribute = target.partition(":")
            target = getattr(import_module(module), attribute)
        return target if self.loader is None else partial(_load_by_class, target, self)


def _load_by_class(
    loader: Callable[..., Any],
    meta: ModelMeta,
    model_dir: str,
    model_info: "ModelInfo",
    model_kwargs: dict[str, Any],
    load_model: bool = True,
    **options: Any,
) -> tuple[Any, Any]:
    return loader(model_info, meta, load_model=load_model, model_kwargs=model_kwargs, **options).load()


@dataclass
class ModelInfo:
    """What is known about one loaded model or processor. num_labels, problem_type: see tasks.Task."""

    model_type: str | None
    model_dir: str
    torch_dtype: Any
    max_model_len: int | None
    quant_method: str | None
    quant_bits: int | None
    rope_scaling: dict[str, Any] | None
    is_moe_model: bool
    is_multimodal: bool
    config: Any
    task_type: str = "causal_lm"
    num_labels: int | None = None
    problem_type: str | None = None


def published(organisation: str | None, names: str, *, ms: str | None = "") -> list[Model]:
    """Models of one organisation, their names separated by blanks.

    ms: the organisation on ModelScope, "" where it is called the same there. None for either: not published there.
    """
    mirror = organisation if ms == "" else ms
    return [Model(mirror and f"{mirror}/{name}", organisation and f"{organisation}/{name}") for name in names.split()]


TEXT_MODEL = "swift_lib.model.loader:get_model_tokenizer_with_flash_attn"
"""get_function of every text family that transformers has a class for."""

MULTIMODAL_MODEL = "swift_lib.model.vision_loader:get_multimodal_model"
"""get_function of every vision-language family that transformers has a class and a processor for."""
