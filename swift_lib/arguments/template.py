"""How a conversation becomes a prompt."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from swift_lib.arguments.spec import arg, taken
from swift_lib.core.errors import SwiftError


@dataclass(frozen=True, kw_only=True)
class TemplateArguments:
    """Chat template and lengths."""

    template: str | None = arg(
        None,
        "Chat template; none is the one registered for the model type.",
        choices="swift_lib.template.mapping:TEMPLATE_MAPPING",
        none_as="",
    )
    system: str | None = arg(None, "System message (text, or a .txt file) for rows that bring none.", none_as="")
    max_length: int | None = arg(None, "Longest row in tokens; none is the model's own limit.", ge=1, none_as=0)
    truncation_strategy: str | None = arg(
        None,
        "What happens to a longer row; none refuses it (counted against max_drop_rate), delete drops it by request.",
        choices=("delete", "left", "right", "split"),
        none_as="",
    )
    agent_template: str | None = arg(
        None,
        "Format of tool calls; none is the chat template's own.",
        choices="swift_lib.agent_template.mapping:agent_template_map",
        none_as="",
        aliases=("tools_prompt",),
    )
    loss_scale: str = arg(
        "default", "Which replies are trained and with what weight: a strategy, a scale or strategy+scale."
    )
    is_binary_loss_scale: bool | None = arg(
        None, "True reduces weights to trained or not, false keeps them; none keeps them.", none_as=""
    )
    disable_ignore_empty_think: bool = arg(
        False, "Train the empty thinking block that hybrid templates put before replies."
    )
    use_chat_template: bool | None = arg(
        None, "False writes the text as it is, without roles; none is true.", none_as=""
    )
    template_backend: str = arg(
        "swift",
        "Who renders: swift, or the tokenizer's own jinja template (inference only).",
        choices=("swift", "jinja"),
    )
    response_prefix: str | None = arg(None, "Text that every generated reply starts with.", none_as="")
    enable_thinking: bool | None = arg(None, "Ask a hybrid model to think; none is the template's default.", none_as="")
    preserve_thinking: bool | None = arg(
        None, "Keep the thinking of earlier rounds; none is the template's default.", none_as=""
    )
    chat_template_kwargs: dict[str, Any] = arg(
        {},
        'Options of the chat template for every row, {"date_string": "26 Jul 2024"}; a row may have its own.',
    )
    add_non_thinking_prefix: bool = arg(
        True, "Give training replies without thinking the template's empty thinking block."
    )
    keep_last_round: bool = arg(
        False, "Of a row with several rounds keep the last where the template knows only one; else it is refused."
    )
    special_tokens_in_text: str | None = arg(
        None,
        "What a control token typed in a message is: plain text, the token itself (control), or a reason to refuse the "
        "row; none refuses it in training and takes it as text in generation.",
        choices=("text", "control", "refuse"),
        none_as="",
    )
    max_pixels: int | None = arg(
        None, "Images of more pixels are made smaller first; none keeps them.", ge=1, none_as=0
    )
    norm_bbox: str | None = arg(
        None,
        "Boxes in thousandths of the image (norm1000) or in its pixels (none); unset is as the model wants it.",
        choices=("norm1000", "none"),
        none_as="",
    )
    step_mark: str | None = arg(
        None,
        "What ends each step of a reply, with task_type prm; none is the template's own, mostly an empty line.",
        none_as="",
    )
    padding_side: str = arg("right", "Where training batches are padded.", choices=("left", "right"))

    def problems(self) -> Iterator[str]:
        """A loss scale is several names joined by +, so it is no plain choice."""
        if self.loss_scale == "default":
            return
        try:
            taken("swift_lib.loss_scale.mapping:parse_loss_scale")(self.loss_scale)
        except SwiftError as error:
            yield f"--loss_scale: {error}"
