"""Inference engines, and servers and a client that speak the OpenAI protocol. Heavy ones are imported on first use."""

from swift_lib.core.lazy import lazy_names
from swift_lib.core.types import AdapterRequest, ChatCompletionResponse, InferRequest, RequestConfig
from swift_lib.infer_engine.base import InferEngine

_LAZY = {
    "TransformersEngine": "swift_lib.infer_engine.transformers_engine",
    "PtEngine": "swift_lib.infer_engine.transformers_engine",
    "InferClient": "swift_lib.infer_engine.client",
    "VllmServer": "swift_lib.infer_engine.vllm_server",
}

__all__ = [
    "AdapterRequest",
    "ChatCompletionResponse",
    "InferClient",
    "InferEngine",
    "InferRequest",
    "PtEngine",
    "RequestConfig",
    "TransformersEngine",
    "VllmServer",
]

__getattr__, __dir__ = lazy_names(__name__, {name: f"{module}:{name}" for name, module in _LAZY.items()})
