"""Chat templates: conversations to token ids, labels and weights. Names are loaded on first use."""

from importlib import import_module
from typing import Any

_EXPORTS = {
    "TemplateMeta": "swift_lib.template.base",
    "TEMPLATE_MAPPING": "swift_lib.template.mapping",
    "register_template": "swift_lib.template.mapping",
    "Template": "swift_lib.template.face",
    "get_template": "swift_lib.template.face",
    "MaxLengthError": "swift_lib.template.mask",
    "TemplateInputs": "swift_lib.template.encode",
}
__all__ = sorted(_EXPORTS)


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_EXPORTS[name]), name)
