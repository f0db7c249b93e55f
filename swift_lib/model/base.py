"""What is known about a model type, as data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
        get_model_tokenizer_with_flash_attn.
    model_arch: name or object that says where the modules are; needed to train multimodal models.
    architectures: values of config.json's `architectures` that mean this type.
    additional_saved_files: copied along when the whole model is saved or merged.
    torch_dtype: used where none is asked for; None: as config.json says.
    ignore_patterns: files (regular expressions) not downloaded, besides other formats of the weights.
    requires: libraries with versions that loading needs (`transformers>=4.51`).
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

    def __post_init__(self) -> None:
        if isinstance(self.model_groups, ModelGroup):
            self.model_groups = [self.model_groups]
        self.ignore_patterns = self.ignore_patterns or []
        if self.get_function is None:
            raise ModelError(
                "ModelMeta needs get_function",
                where=f"model_type {self.model_type!r}",
                fix="for a text model give get_function=get_model_tokenizer_with_flash_attn",
            )
        if isinstance(self.model_arch, str):
            self.model_arch = MODEL_ARCH_MAPPING[self.model_arch]

    @property
    def candidate_templates(self) -> list[str]:
        """Every template that some model of this type uses."""
        names = [self.template, *(group.template for group in self.model_groups)]
        return list(dict.fromkeys(name for name in names if name))

    def load_function(self) -> LoadFunction:
        """The loading function itself."""
        if not isinstance(self.get_function, str):
            assert self.get_function is not None
            return self.get_function
        module, _, attribute = self.get_function.partition(":")
        return getattr(import_module(module), attribute)


@dataclass
class ModelInfo:
    """What is known about one loaded model or processor."""

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


def model_group(
    ids: Sequence[str], template: str | None = None, *, requires: list[str] | None = None, tags: Sequence[str] = ()
) -> ModelGroup:
    """A group of models that have the same id on every hub."""
    return ModelGroup([Model(name, name) for name in ids], template, requires=requires, tags=list(tags))


TEXT_MODEL = "swift_lib.model.loader:get_model_tokenizer_with_flash_attn"
"""get_function of every text family that transformers has a class for."""
