"""Inference engines, and servers and a client that speak the OpenAI protocol. Heavy ones are imported on first use."""

from importlib import import_module
from typing import Any

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


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
