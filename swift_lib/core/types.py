"""Values that several parts speak. Fields and defaults of the request and response objects follow the OpenAI API plus
the extensions that the documents name; everything is a plain dataclass."""

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, Literal, Self

Message = dict[str, Any]
Messages = list[Message]
Tool = dict[str, Any]
FinishReason = Literal["stop", "length", "tool_calls"] | None

TASK_HEADS = ("score", "classifier", "v_head")  # modules that a task puts on top of a language model


class ContextType(StrEnum):
    """What a piece of a rendered conversation is."""

    RESPONSE = "response"
    SUFFIX = "suffix"
    OTHER = "other"


# -- requests ----------------------------------------------------------------------------------------------------------


@dataclass
class InferRequest:
    """One conversation to answer. Media are paths, URLs, base64 texts or loaded objects."""

    messages: Messages
    images: list[Any] = field(default_factory=list)
    audios: list[Any] = field(default_factory=list)
    videos: list[Any] = field(default_factory=list)
    tools: list[Tool] | None = None
    objects: dict[str, Any] = field(default_factory=dict)
    chat_template_kwargs: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        """Field by name, for plugins that treat a request as a row."""
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)

    def keys(self) -> list[str]:
        """Names of the fields; with `[]` this makes `dict(request)` work."""
        return [spec.name for spec in fields(self)]

    @classmethod
    def of_row(cls, messages: Sequence[Mapping[str, Any]], row: Mapping[str, Any]) -> Self:
        """Ask `messages` with what a data set's row gives beside its own: media, objects, tools, template options."""
        beside = {spec.name: row[spec.name] for spec in fields(cls) if spec.name != "messages" and row.get(spec.name)}
        return cls([dict(message) for message in messages], **beside)

    @staticmethod
    def remove_response(messages: Messages) -> Any:
        """Take the assistant's message off the end of the list and return its content; None if there is none."""
        if messages and messages[-1].get("role") == "assistant":
            return messages.pop()["content"]
        return None


@dataclass
class RequestConfig:
    """How to generate. None means: as the model's generation config says; `temperature=0` is greedy."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repetition_penalty: float | None = None
    num_beams: int = 1
    stop: list[str] | None = field(default_factory=list)
    seed: int | None = None
    stream: bool = False
    logprobs: bool = False
    top_logprobs: int | None = None
    prompt_logprobs: int | None = None
    n: int = 1
    best_of: int | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    length_penalty: float = 1.0
    return_details: bool = False
    structured_outputs_regex: str | None = None


@dataclass
class _MediaFields:
    images: list[str] = field(default_factory=list)
    audios: list[str] = field(default_factory=list)
    videos: list[str] = field(default_factory=list)
    objects: dict[str, Any] = field(default_factory=dict)


@dataclass
class _ChatFields:
    model: str
    messages: Messages
    tools: list[Tool] | None = None
    tool_choice: str | dict[str, Any] | None = None
    chat_template_kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass
class _CompletionFields:
    model: str
    prompt: str


@dataclass
class _EmbeddingFields:
    input: str
    model: str
    encoding_format: Literal["float", "base64"] = "float"


@dataclass
class ChatCompletionRequest(RequestConfig, _MediaFields, _ChatFields):
    """Body of POST /v1/chat/completions."""


@dataclass
class CompletionRequest(RequestConfig, _MediaFields, _CompletionFields):
    """Body of POST /v1/completions."""


@dataclass
class EmbeddingRequest(RequestConfig, _MediaFields, _EmbeddingFields):
    """Body of POST /v1/embeddings."""


@dataclass
class AdapterRequest:
    """An adapter to answer with: its served name and where its weights are."""

    name: str
    path: str


# -- responses ---------------------------------------------------------------------------------------------------------


def _now() -> int:
    return int(time.time())


def _new_id(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex}"


@dataclass
class Model:
    """One line of GET /v1/models."""

    id: str
    object: str = "model"
    created: int = field(default_factory=_now)
    owned_by: str = "swift"


@dataclass
class ModelList:
    """Answer of GET /v1/models."""

    data: list[Model]
    object: str = "list"


@dataclass
class UsageInfo:
    """Token counts of one answer."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


@dataclass
class Function:
    """A function call: its name and its arguments, a JSON text."""

    name: str
    arguments: str | None


@dataclass
class ChatCompletionMessageToolCall:
    """One tool call of an assistant's message."""

    function: Function
    type: str = "function"
    id: str = field(default_factory=lambda: _new_id("toolcall"))


@dataclass
class ChatMessage:
    """A complete answer. `content` is a number or a list for classifiers, rerankers and embeddings."""

    role: Literal["system", "user", "assistant"]
    content: str | list[Any] | int | float | None
    tool_calls: list[ChatCompletionMessageToolCall] | None = None
    reasoning_content: str | None = None


@dataclass
class ChatCompletionResponseChoice:
    """One of the `n` answers."""

    index: int
    message: ChatMessage
    finish_reason: FinishReason
    logprobs: dict[str, list[dict[str, Any]]] | None = None
    token_ids: list[int] | None = None
    routed_experts: Any = None


@dataclass
class ChatCompletionResponse:
    """Answer of POST /v1/chat/completions."""

    model: str
    choices: list[ChatCompletionResponseChoice]
    usage: UsageInfo
    id: str = field(default_factory=lambda: _new_id("chatcmpl"))
    object: str = "chat.completion"
    created: int = field(default_factory=_now)
    prompt_token_ids: list[int] | None = None
    prompt_logprobs: list[Any] | None = None
    images_size: list[tuple[int, int]] | None = None


@dataclass
class CompletionResponseChoice:
    """One of the `n` completions."""

    index: int
    text: str
    finish_reason: FinishReason
    logprobs: dict[str, list[dict[str, Any]]] | None = None


@dataclass
class CompletionResponse:
    """Answer of POST /v1/completions."""

    model: str
    choices: list[CompletionResponseChoice]
    usage: UsageInfo
    id: str = field(default_factory=lambda: _new_id("cmpl"))
    object: str = "text_completion"
    created: int = field(default_factory=_now)
    prompt_token_ids: list[int] | None = None
    prompt_logprobs: list[Any] | None = None


@dataclass
class EmbeddingResponseData:
    """One embedding."""

    object: str = "embedding"
    index: int = 0
    embedding: list[float] = field(default_factory=list)


@dataclass
class EmbeddingResponse:
    """Answer of POST /v1/embeddings."""

    model: str
    data: list[EmbeddingResponseData]
    usage: UsageInfo
    id: str = field(default_factory=lambda: _new_id("embd"))
    object: str = "list"
    created: int = field(default_factory=_now)


@dataclass
class DeltaMessage:
    """What one event of a stream adds."""

    role: Literal["system", "user", "assistant"] | None = None
    content: str | None = None
    tool_calls: list[ChatCompletionMessageToolCall] | None = None
    reasoning_content: str | None = None


@dataclass
class ChatCompletionResponseStreamChoice:
    """One of the `n` answers in an event of a stream."""

    index: int
    delta: DeltaMessage
    finish_reason: FinishReason
    logprobs: dict[str, list[dict[str, Any]]] | None = None


@dataclass
class ChatCompletionStreamResponse:
    """One event of a chat stream."""

    model: str
    choices: list[ChatCompletionResponseStreamChoice]
    usage: UsageInfo | None = None
    id: str = field(default_factory=lambda: _new_id("chatcmpl"))
    object: str = "chat.completion.chunk"
    created: int = field(default_factory=_now)


@dataclass
class CompletionResponseStreamChoice:
    """One of the `n` completions in an event of a stream."""

    index: int
    text: str
    finish_reason: FinishReason
    logprobs: dict[str, list[dict[str, Any]]] | None = None


@dataclass
class CompletionStreamResponse:
    """One event of a completion stream."""

    model: str
    choices: list[CompletionResponseStreamChoice]
    usage: UsageInfo | None = None
    id: str = field(default_factory=lambda: _new_id("cmpl"))
    object: str = "text_completion.chunk"
    created: int = field(default_factory=_now)


# -- names of a model's modules ----------------------------------------------------------------------------------------


@dataclass
class ModelKeys:
    """Where the modules of an architecture are; `{}` stands for the layer's index, None for "has none"."""

    arch_name: str | None = None
    embedding: str | None = None
    module_list: str | None = None
    lm_head: str | None = None
    q_proj: str | None = None
    k_proj: str | None = None
    v_proj: str | None = None
    o_proj: str | None = None
    attention: str | None = None
    mlp: str | None = None
    down_proj: str | None = None
    qkv_proj: str | None = None
    qk_proj: str | None = None
    qa_proj: str | None = None
    qb_proj: str | None = None
    kv_proj: str | None = None
    kva_proj: str | None = None
    kvb_proj: str | None = None


@dataclass
class MultiModelKeys(ModelKeys):
    """The same for a multimodal architecture, with the module prefixes of its parts; one prefix may be given bare."""

    language_model: list[str] = field(default_factory=list)
    aligner: list[str] = field(default_factory=list)
    vision_tower: list[str] = field(default_factory=list)
    generator: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("language_model", "aligner", "vision_tower", "generator"):
            value = getattr(self, name)
            setattr(self, name, [value] if isinstance(value, str) else list(value or []))
