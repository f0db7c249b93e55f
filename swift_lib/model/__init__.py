"""Models: what is known about each type, matching a path to a type, loading. Names are loaded on first use."""

from importlib import import_module
from typing import Any

_EXPORTS = {
    "Model": "swift_lib.model.base",
    "ModelGroup": "swift_lib.model.base",
    "ModelMeta": "swift_lib.model.base",
    "ModelInfo": "swift_lib.model.base",
    "MODEL_MAPPING": "swift_lib.model.mapping",
    "register_model": "swift_lib.model.mapping",
    "get_model_list": "swift_lib.model.mapping",
    "MODEL_ARCH_MAPPING": "swift_lib.model.arch",
    "register_model_arch": "swift_lib.model.arch",
    "get_model_arch": "swift_lib.model.arch",
    "ModelKeys": "swift_lib.core.types",
    "MultiModelKeys": "swift_lib.core.types",
    "match_model": "swift_lib.model.match",
    "record_model_names": "swift_lib.model.match",
    "get_processor": "swift_lib.model.loader",
    "get_model_processor": "swift_lib.model.loader",
    "get_model_tokenizer_with_flash_attn": "swift_lib.model.loader",
}
__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_EXPORTS[name]), name)
