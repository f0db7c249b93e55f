"""Names of the chat templates."""

from swift_lib.core.registry import Registry
from swift_lib.template.base import TemplateMeta

_FAMILIES = "swift_lib.template.families"

TEMPLATE_MAPPING: Registry[TemplateMeta] = Registry(
    "template",
    contract=TemplateMeta,
    table={
        "chatml": f"{_FAMILIES}.chatml:CHATML",
        "default": f"{_FAMILIES}.chatml:DEFAULT",
        "dummy": f"{_FAMILIES}.chatml:DUMMY",
        "qwen": f"{_FAMILIES}.qwen:QWEN",
        "qwen2_5": f"{_FAMILIES}.qwen:QWEN2_5",
        "qwen3": f"{_FAMILIES}.qwen:QWEN3",
        "qwen3_thinking": f"{_FAMILIES}.qwen:QWEN3_THINKING",
        "qwen3_nothinking": f"{_FAMILIES}.qwen:QWEN3_NOTHINKING",
        "llama": f"{_FAMILIES}.llama:LLAMA",
        "llama3": f"{_FAMILIES}.llama:LLAMA3",
        "llama3_2": f"{_FAMILIES}.llama:LLAMA3_2",
        "mistral_v3": f"{_FAMILIES}.mistral:MISTRAL_V3",
        "mistral_nemo": f"{_FAMILIES}.mistral:MISTRAL_NEMO",
        "mistral_2501": f"{_FAMILIES}.mistral:MISTRAL_2501",
        "gemma": f"{_FAMILIES}.gemma:GEMMA",
        "gemma3_text": f"{_FAMILIES}.gemma:GEMMA3_TEXT",
        "phi3": f"{_FAMILIES}.phi:PHI3",
        "phi4": f"{_FAMILIES}.phi:PHI4",
        "deepseek": f"{_FAMILIES}.deepseek:DEEPSEEK",
        "deepseek_v2_5": f"{_FAMILIES}.deepseek:DEEPSEEK_V2_5",
        "deepseek_r1": f"{_FAMILIES}.deepseek:DEEPSEEK_R1",
        "deepseek_v3_1": f"{_FAMILIES}.deepseek:DEEPSEEK_V3_1",
        "chatglm4": f"{_FAMILIES}.glm:CHATGLM4",
        "glm4": f"{_FAMILIES}.glm:GLM4",
        "internlm2": f"{_FAMILIES}.internlm:INTERNLM2",
    },
)


def register_template(template_meta: TemplateMeta, exist_ok: bool = False) -> None:
    """Make a template known under its template_type."""
    TEMPLATE_MAPPING.register(template_meta.template_type, template_meta, exist_ok=exist_ok)
