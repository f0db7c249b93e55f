"""The contract of an agent format: how tools, calls and results are written, and how calls are read back."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from swift_lib.core.types import Function


class BaseAgentTemplate(ABC):
    """One model family's tool format. Made without arguments; the same rows then train any family."""

    @abstractmethod
    def _format_tools(
        self, tools: Sequence[Mapping[str, Any]], system: str | None, user_message: Mapping[str, Any] | None = None
    ) -> str:
        """The complete system text for these tools, the given `system` included."""

    @abstractmethod
    def _format_tool_calls(self, tool_call_messages: Sequence[Mapping[str, Any]]) -> str:
        """A run of `{"role": "tool_call", "content": json}` messages as one assistant text."""

    @abstractmethod
    def _format_tool_responses(
        self, assistant_content: str, tool_messages: Sequence[Mapping[str, Any]]
    ) -> tuple[str, list[Any]]:
        """The assistant text before tool results, and the template pieces that take the place of the next user turn."""

    @abstractmethod
    def get_toolcall(self, response: str) -> list[Function]:
        """The calls in a model's answer; empty where there is none."""
