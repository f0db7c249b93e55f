"""The import path of the 3.x documents (`swift.llm`): the same objects, nothing of its own."""

from swift_lib import PUBLIC_NAMES
from swift_lib.core.lazy import lazy_names

NAMES = {
    **PUBLIC_NAMES,
    "PtEngine": "swift_lib.infer_engine.transformers_engine:TransformersEngine",
    "MODEL_MAPPING": "swift_lib.model.mapping:MODEL_MAPPING",
    "MODEL_ARCH_MAPPING": "swift_lib.model.arch:MODEL_ARCH_MAPPING",
    "register_model_arch": "swift_lib.model.arch:register_model_arch",
    "get_model_arch": "swift_lib.model.arch:get_model_arch",
    "get_model_tokenizer_with_flash_attn": "swift_lib.model.loader:get_model_tokenizer_with_flash_attn",
    "ModelKeys": "swift_lib.core.types:ModelKeys",
    "MultiModelKeys": "swift_lib.core.types:MultiModelKeys",
    "TEMPLATE_MAPPING": "swift_lib.template.mapping:TEMPLATE_MAPPING",
    "Template": "swift_lib.template.face:Template",
}

__getattr__, __dir__ = lazy_names(__name__, NAMES)
