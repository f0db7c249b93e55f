"""Chat templates: conversations to token ids, labels and weights. Names are loaded on first use."""

from swift_lib.core.lazy import lazy_names

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

__getattr__, __dir__ = lazy_names(__name__, {name: f"{module}:{name}" for name, module in _EXPORTS.items()})
