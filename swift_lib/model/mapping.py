"""Names of the model types."""

from swift_lib.core.registry import Registry
from swift_lib.model.base import ModelMeta

_FAMILIES = "swift_lib.model.families"

MODEL_MAPPING: Registry[ModelMeta] = Registry(
    "model type",
    contract=ModelMeta,
    table={
        "qwen2": f"{_FAMILIES}.qwen:QWEN2",
        "qwen2_moe": f"{_FAMILIES}.qwen:QWEN2_MOE",
        "qwen3": f"{_FAMILIES}.qwen:QWEN3",
        "qwen3_moe": f"{_FAMILIES}.qwen:QWEN3_MOE",
        "llama": f"{_FAMILIES}.llama:LLAMA",
        "mistral": f"{_FAMILIES}.mistral:MISTRAL",
        "mixtral": f"{_FAMILIES}.mistral:MIXTRAL",
        "mistral_nemo": f"{_FAMILIES}.mistral:MISTRAL_NEMO",
        "mistral_2501": f"{_FAMILIES}.mistral:MISTRAL_2501",
        "gemma": f"{_FAMILIES}.gemma:GEMMA",
        "gemma2": f"{_FAMILIES}.gemma:GEMMA2",
        "gemma3_text": f"{_FAMILIES}.gemma:GEMMA3_TEXT",
        "phi3": f"{_FAMILIES}.phi:PHI3",
        "phi4": f"{_FAMILIES}.phi:PHI4",
        "deepseek": f"{_FAMILIES}.deepseek:DEEPSEEK",
        "deepseek_v2": f"{_FAMILIES}.deepseek:DEEPSEEK_V2",
        "deepseek_v3": f"{_FAMILIES}.deepseek:DEEPSEEK_V3",
        "glm_edge": f"{_FAMILIES}.glm:GLM_EDGE",
        "glm4": f"{_FAMILIES}.glm:GLM4",
        "internlm2": f"{_FAMILIES}.internlm:INTERNLM2",
        "internlm3": f"{_FAMILIES}.internlm:INTERNLM3",
    },
)


def register_model(model_meta: ModelMeta, exist_ok: bool = False) -> None:
    """Make a model type known under its model_type."""
    MODEL_MAPPING.register(model_meta.model_type or "", model_meta, exist_ok=exist_ok)


def get_model_list() -> list[str]:
    """Ids of every registered model."""
    models = [model for meta in MODEL_MAPPING.values() for group in meta.model_groups for model in group.models]
    return list(dict.fromkeys(name for model in models for name in model.ids))
