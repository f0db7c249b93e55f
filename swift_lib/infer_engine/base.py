"""What an inference engine is."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from swift_lib.core.errors import EngineError, SwiftError
from swift_lib.core.types import ChatCompletionResponse, InferRequest, RequestConfig

logger = logging.getLogger(__name__)

OnText = Callable[[int, str], None]  # gets the choice's index and the next piece of its text


class ContextLengthError(EngineError, ValueError):
    """A prompt that leaves no room for a reply."""


class UnsupportedOption(EngineError, ValueError):
    """An option of a request that this engine cannot follow."""


@dataclass
class GenerationItem:
    """One request as an engine takes it: a conversation, or a bare prompt that no template touches."""

    request: InferRequest | None = None
    prompt: str | list[int] | None = None
    config: RequestConfig = field(default_factory=RequestConfig)
    on_text: OnText | None = None


class InferEngine(ABC):
    """Answers requests. `strict`: the first failing request stops the call; otherwise its exception is its result."""

    model_name: str
    max_model_len: int | None
    strict: bool = True

    @abstractmethod
    def generate(self, items: Sequence[GenerationItem]) -> list[ChatCompletionResponse | SwiftError]:
        """Answer every item, in order; what is wrong with one item is its result and does not stop the others."""

    def infer(
        self, infer_requests: Sequence[InferRequest], request_config: RequestConfig | None = None
    ) -> list[ChatCompletionResponse]:
        """Answer every request, in order, all with the same options (default: `RequestConfig()`)."""
        config = request_config or RequestConfig()
        if config.stream:
            raise UnsupportedOption(
                "infer() returns whole replies", fix="leave stream out, or use generate() with on_text"
            )
        results = self.generate([GenerationItem(request=request, config=config) for request in infer_requests])
        if self.strict:
            for result in results:
                if isinstance(result, SwiftError):
                    raise result
        return results  # type: ignore[return-value]  # without `strict` the caller expects exceptions


def resolve_max_tokens(prompt_tokens: int, requested: int | None, max_model_len: int | None) -> int:
    """Return how many tokens a reply may have: what is asked for, at most what the context has left.

    Raises ContextLengthError where the prompt fills the context.
    """
    if max_model_len is None:
        if requested is None:
            raise ContextLengthError("the model names no context length", fix="give max_tokens, or max_model_len")
        return requested
    room = max_model_len - prompt_tokens
    if room <= 0:
        raise ContextLengthError(
            f"Input length ({prompt_tokens}) leaves no room for a reply: max_model_len ({max_model_len})",
            fix="shorten the conversation, or raise max_model_len where the model allows it",
        )
    if requested is None:
        return room
    if requested > room:
        logger.warning("max_tokens %d does not fit: the context has room for %d more tokens", requested, room)
    return min(requested, room)
