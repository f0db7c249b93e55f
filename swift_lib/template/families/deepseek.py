"""DeepSeek."""

from typing import Any

from swift_lib.template.base import TemplateMeta
from swift_lib.template.face import Template


class DeepseekV3_1Template(Template):
    """DeepSeek-V3.1: only replies directly after a user message open with the end of an empty thinking block."""

    jinja_enable_thinking_key = "thinking"
    non_thinking_prefix_only_after_user = True


DEEPSEEK = TemplateMeta(
    "deepseek",
    prefix=[["bos_token_id"]],
    prompt=["User: {{QUERY}}\n\nAssistant:"],
    chat_sep=[["eos_token_id"]],
    system_prefix=[["bos_token_id"], "{{SYSTEM}}\n\n"],
)


def _deepseek_v2_5(template_type: str, **fields: Any) -> TemplateMeta:
    return TemplateMeta(
        template_type,
        prefix=["<｜begin▁of▁sentence｜>"],
        prompt=["<｜User｜>{{QUERY}}<｜Assistant｜>"],
        chat_sep=["<｜end▁of▁sentence｜>"],
        suffix=["<｜end▁of▁sentence｜>"],
        system_prefix=["<｜begin▁of▁sentence｜>{{SYSTEM}}"],
        **fields,
    )


DEEPSEEK_V2_5 = _deepseek_v2_5("deepseek_v2_5")
DEEPSEEK_R1 = _deepseek_v2_5("deepseek_r1", is_thinking=True, thinking_prefix="<think>\n")
DEEPSEEK_V3_1 = _deepseek_v2_5(
    "deepseek_v3_1",
    template_cls=DeepseekV3_1Template,
    agent_template="deepseek_v3_1",
    is_thinking=True,
    thinking_prefix="<think>",
    non_thinking_prefix="</think>",
    history_thinking_prefix="</think>",
)
