"""The contract of a loss scale: it splits each piece of a conversation and gives every part a weight."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from swift_lib.core.errors import TemplateError
from swift_lib.core.types import ContextType

ALL_BASE_STRATEGY = ("default", "last_round", "all")

Piece = str | list[int]


class LossScale:
    """Weights by base strategy; subclasses override `get_loss_scale` to weigh parts of a reply differently.

    Base strategies: `default` trains every reply, `last_round` those at or after the last user message, `all`
    everything, prompts included. A message's own `loss` field (replies only) comes first: True trains it under any
    strategy, False never, None leaves it to the strategy. Its number `loss_scale` replaces the split of a reply that is
    trained at all.
    """

    def __init__(self, base_strategy: str = "default") -> None:
        if base_strategy not in ALL_BASE_STRATEGY:
            raise TemplateError(
                f"{base_strategy!r} is not a base strategy of the loss scale",
                fix=f"use one of {list(ALL_BASE_STRATEGY)}",
            )
        self.base_strategy = base_strategy

    def get_loss_scale(self, context: str, **kwargs: Any) -> tuple[list[str], list[float]]:
        """Split a piece that the strategy trains into parts, with one weight each.

        The parts joined must equal `context`. `kwargs["query"]` is the user's text before a reply, None elsewhere.
        """
        return [context], [1.0]

    def __call__(
        self,
        context_list: Sequence[Piece],
        context_types: Sequence[ContextType],
        messages: Sequence[Mapping[str, Any]],
        **kwargs: Any,
    ) -> tuple[list[Piece], list[float]]:
        """Weigh a whole conversation: pieces and their types in, (smaller) pieces and their weights out.

        `messages` are the merged messages the pieces were made of; the replies among the pieces come in their order.
        """
        pieces: list[Piece] = []
        weights: list[float] = []
        replies = _replies(messages)
        reply = _Reply(query=None, loss=None, loss_scale=None, is_last_round=True)
        for context, context_type in zip(context_list, context_types, strict=True):
            if context_type is ContextType.RESPONSE:
                reply = next(replies)
            parts, part_weights = self._weigh(context, context_type, reply)
            pieces += parts
            weights += part_weights
        return pieces, weights

    def _weigh(self, context: Piece, context_type: ContextType, reply: "_Reply") -> tuple[list[Any], list[float]]:
        is_reply = context_type is ContextType.RESPONSE
        is_assistant = is_reply or context_type is ContextType.SUFFIX
        # The suffix ends the last reply: a reply that is not trained does not train its end either.
        loss = reply.loss if is_assistant else None
        strategy = self.base_strategy
        gate = strategy == "all" or (is_assistant and (strategy == "default" or reply.is_last_round))
        if not (loss or (loss is None and gate)):
            return [context], [0.0]
        if is_reply and reply.loss_scale is not None:
            return [context], [reply.loss_scale]
        if not isinstance(context, str):
            return [context], [1.0]
        return self._checked(context, query=reply.query if is_reply else None)

    def _checked(self, context: str, query: str | None) -> tuple[list[str], list[float]]:
        result = self.get_loss_scale(context, query=query)
        name = type(self).__name__
        if not isinstance(result, tuple) or len(result) != 2:
            raise TemplateError(
                f"{name}.get_loss_scale returned {type(result).__name__}", fix="return (list of texts, list of weights)"
            )
        parts, weights = result
        if len(parts) != len(weights) or "".join(parts) != context:
            raise TemplateError(
                f"{name}.get_loss_scale changed the text or gave {len(weights)} weights for {len(parts)} parts",
                where=f"piece {context[:80]!r}",
                fix="return parts that joined are the piece, and one weight for each",
            )
        return list(parts), [float(weight) for weight in weights]


class _Reply:
    """What the messages say about one reply segment."""

    __slots__ = ("is_last_round", "loss", "loss_scale", "query")

    def __init__(self, query: str | None, loss: bool | None, loss_scale: float | None, is_last_round: bool) -> None:
        self.query = query
        self.loss = loss
        self.loss_scale = loss_scale
        self.is_last_round = is_last_round


def _replies(messages: Sequence[Mapping[str, Any]]) -> Iterator[_Reply]:
    """One `_Reply` per reply segment: merged replies hold lists, one entry per segment."""
    last_round = max((i for i, message in enumerate(messages) if message["role"] in ("user", "tool")), default=-1)
    query: str | None = None
    for i, message in enumerate(messages):
        if message["role"] != "assistant":
            query = message["content"] if message["role"] == "user" else None
            continue
        content, loss, scale = message["content"], message.get("loss"), message.get("loss_scale")
        if content is None:
            continue
        if not isinstance(content, list):
            content, loss, scale = [content], [loss], [scale]
        for j in range(len(content)):
            yield _Reply(query, loss[j] if loss else None, scale[j] if scale else None, i >= last_round)
