"""GLM."""

from collections.abc import Sequence
from typing import Any

from swift_lib.template.base import TemplateMeta
from swift_lib.template.face import Template


class GLM4Template(Template):
    """GLM-4 writes the newline after its own header: the prompt ends before it, decoded text begins after it."""

    def _end_prompt(self, text: str) -> str:
        return text.removesuffix("\n")

    def decode(self, generated_ids: Sequence[int], *, is_finished: bool = True, **kwargs: Any) -> str:
        """Text of a generated reply, without its end and the newline it begins with."""
        return super().decode(generated_ids, is_finished=is_finished, **kwargs).lstrip()


def _glm(template_type: str, opening: str, **fields: Any) -> TemplateMeta:
    return TemplateMeta(
        template_type,
        prefix=[opening] if opening else [],
        prompt=["<|user|>\n{{QUERY}}<|assistant|>\n"],
        chat_sep=[],
        suffix=["<|user|>"],
        template_cls=GLM4Template,
        system_prefix=[opening + "<|system|>\n{{SYSTEM}}"],
        auto_add_bos=True,
        stop_words=["<|endoftext|>", "<|user|>", "<|observation|>"],
        agent_template=template_type,
        **fields,
    )


CHATGLM4 = _glm("chatglm4", "")
GLM4 = _glm("glm4", "[gMASK]<sop>", thinking_prefix="<think>")
