"""Gemma."""

from typing import Any

from swift_lib.template.base import TemplateMeta
from swift_lib.template.encode import TemplateInputs
from swift_lib.template.face import Template


class Gemma3Template(Template):
    """Gemma 3 has no system turn: the system is put in front of the first user message."""

    def _adapt(self, inputs: TemplateInputs) -> None:
        system = inputs.system if inputs.system is not None else self.default_system
        if system is not None and self.use_chat_template:
            first = inputs.messages[0]
            first["content"] = f"{system}\n\n{first['content']}"
            inputs.system = None
        for message in inputs.messages:
            content = message["content"]
            if message["role"] == "assistant" and content is not None:
                stripped = [text.strip("\n") for text in content] if isinstance(content, list) else content.strip("\n")
                message["content"] = stripped


def _gemma(template_type: str, **fields: Any) -> TemplateMeta:
    return TemplateMeta(
        template_type,
        prefix=["<bos>"],
        prompt=["<start_of_turn>user\n{{QUERY}}<end_of_turn>\n<start_of_turn>model\n"],
        chat_sep=["<end_of_turn>\n"],
        suffix=["<end_of_turn>"],
        **fields,
    )


GEMMA = _gemma("gemma", system_prefix=["<bos><start_of_turn>system\n{{SYSTEM}}<end_of_turn>\n"])
GEMMA3_TEXT = _gemma("gemma3_text", template_cls=Gemma3Template)
