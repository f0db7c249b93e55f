"""Our templates against the vendors' own chat templates, which are right about what is served."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from swift_lib.core.errors import TemplateError
from swift_lib.template import get_template
from swift_lib.template.parity import render_own

USER = [{"role": "user", "content": f"Q{i}"} for i in (1, 2)]
ANSWER = [{"role": "assistant", "content": f"A{i}"} for i in (1, 2)]
THOUGHT = [{"role": "assistant", "content": f"<think>\nR{i}\n</think>\n\nA{i}"} for i in (1, 2)]
SYSTEM = {"role": "system", "content": "SYS"}
CONVERSATIONS = {
    "one": [USER[0]],
    "system": [SYSTEM, USER[0]],
    "empty system": [{"role": "system", "content": ""}, USER[0]],
    "two": [USER[0], ANSWER[0], USER[1]],
    "two, system": [SYSTEM, USER[0], ANSWER[0], USER[1]],
    "thoughts": [USER[0], THOUGHT[0], USER[1]],
    "answered": [USER[0], ANSWER[0], USER[1], ANSWER[1]],
    "answered thoughts": [USER[0], THOUGHT[0], USER[1], THOUGHT[1]],
}
# template -> file, BOS and EOS of its tokenizer, arguments that say whether to think
VENDORS: dict[str, tuple[str, str, str, list[bool | None]]] = {
    "qwen2_5": ("Qwen-Qwen2.5-7B-Instruct", "", "<|im_end|>", [None]),
    "qwen3": ("Qwen-Qwen3-0.6B", "", "<|im_end|>", [True, False]),
    "llama3_2": ("meta-llama-Llama-3.1-8B-Instruct", "<|begin_of_text|>", "<|eot_id|>", [None]),
    "gemma": ("google-gemma-2-2b-it", "<bos>", "<eos>", [None]),
    "phi3": ("microsoft-Phi-3.5-mini-instruct", "", "<|endoftext|>", [None]),
    "mistral_nemo": ("mistralai-Mistral-Nemo-Instruct-2407", "<s>", "</s>", [None]),
    "deepseek_r1": (
        "deepseek-ai-DeepSeek-R1-Distill-Qwen-32B",
        "<｜begin▁of▁sentence｜>",
        "<｜end▁of▁sentence｜>",
        [True],
    ),
    "deepseek_v3_1": ("deepseek-ai-DeepSeek-V3.1", "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", [True, False]),
}
EMPTY = "an empty system means no system (the documents' rule); the vendor's template writes an empty system block"
AFTER_END = "the vendor writes this after the answer's last token, where generation has already stopped"
HISTORY = "earlier thinking is cut off with the blank lines after it (released 4.6.0); the vendor leaves them"
BLOCK = "the model card's prompt for no thinking is `</think>`; this file opens the block first"
# (template, conversation, text in ours, text in the vendor's, reason); conversation "": wherever the texts occur
DIFFERENCES: list[tuple[str, str, str, str, str]] = [
    ("qwen2_5", "empty system", "", "<|im_start|>system\n<|im_end|>\n", EMPTY),
    ("qwen3", "empty system", "", "<|im_start|>system\n<|im_end|>\n", EMPTY),
    ("llama3_2", "", f"{date.today():%d %b %Y}", "26 Jul 2024", "Llama 3.2's template writes today, 3.1's a fixed day"),
    ("gemma", "answered", "<end_of_turn>$", "<end_of_turn>\n$", AFTER_END),
    ("gemma", "answered thoughts", "<end_of_turn>$", "<end_of_turn>\n$", AFTER_END),
    ("phi3", "answered", "<|end|>$", "<|end|>\n<|endoftext|>$", AFTER_END),
    ("phi3", "answered thoughts", "<|end|>$", "<|end|>\n<|endoftext|>$", AFTER_END),
    ("deepseek_r1", "thoughts", ">A1", ">\n\nA1", HISTORY),
    ("deepseek_r1", "answered thoughts", ">A1", ">\n\nA1", HISTORY),
    (
        "deepseek_r1",
        "answered thoughts",
        "<think>\nR2\n</think>\n\nA2",
        "\n\nA2",
        "the last reply's thought is what is trained",
    ),
    ("deepseek_v3_1", "", "<｜Assistant｜></think>", "<｜Assistant｜><think></think>", BLOCK),
    ("deepseek_v3_1", "thoughts", "</think>A1", "</think>\n\nA1", HISTORY),
    ("deepseek_v3_1", "answered thoughts", "</think>A1", "</think>\n\nA1", HISTORY),
    ("deepseek_v3_1", "answered thoughts", "<think>\nR2\n</think>\n\nA2", "</think>\n\nA2", "as for deepseek_r1"),
]
REFUSED = {("gemma", "system"), ("gemma", "empty system"), ("gemma", "two, system")}  # Gemma 2 knows no system


class Tokenizer:
    """Just enough of a tokenizer to render a chat template."""

    def __init__(self, chat_template: str, bos: str, eos: str) -> None:
        from transformers.utils.chat_template_utils import render_jinja_template

        self.render, self.chat_template, self.tokens = (
            render_jinja_template,
            chat_template,
            {"bos_token": bos, "eos_token": eos},
        )

    def apply_chat_template(self, messages: Any, tokenize: bool, add_generation_prompt: bool, **kwargs: Any) -> str:
        rendered, _ = self.render(
            [messages],
            chat_template=self.chat_template,
            add_generation_prompt=add_generation_prompt,
            **self.tokens,
            **kwargs,
        )
        return rendered[0]


def ours(characters: Any, name: str, messages: list[dict[str, Any]], bos: str, **options: Any) -> str:
    template = get_template(characters, name, **options)
    if messages[-1]["role"] == "assistant":
        template.set_mode("train")
        text = characters.decode(template.encode({"messages": messages})["input_ids"])
    else:
        text = template.render(messages)
    return text.replace(characters.bos_token, bos)


@pytest.mark.parametrize("conversation", CONVERSATIONS)
@pytest.mark.parametrize("name", VENDORS)
def test_template_renders_as_the_vendor_does(name: str, conversation: str, characters: Any, shared: Path) -> None:
    file, bos, eos, thinking = VENDORS[name]
    tokenizer = Tokenizer((shared / "chat_templates" / f"{file}.jinja").read_text(encoding="utf-8"), bos, eos)
    messages = CONVERSATIONS[conversation]
    if (name, conversation) in REFUSED:
        with pytest.raises(Exception, match="System role not supported"):
            render_own(tokenizer, messages)
        return
    for think in thinking:
        options: dict[str, Any] = {} if think is None else {"enable_thinking": think}
        key = get_template(characters, name).jinja_enable_thinking_key
        vendors = render_own(tokenizer, messages, **({} if think is None else {key: think})) + "$"
        # Trained as it is served: only the last reply, without earlier thoughts.
        text = ours(characters, name, messages, bos, loss_scale="last_round", **options) + "$"
        for template, where, mine, theirs, _ in DIFFERENCES:
            if template == name and where in ("", conversation):
                if where == "":
                    vendors = vendors.replace(theirs, mine)
                else:
                    assert theirs in vendors, f"{name}, {conversation}: this listed difference is gone: {theirs!r}"
                    vendors = vendors.replace(theirs, mine, 1)
        assert text == vendors


def test_a_template_without_a_system_refuses_one(characters: Any) -> None:
    template = get_template(characters, "dummy", use_chat_template=False)
    with pytest.raises(TemplateError, match="takes no system"):
        template.encode({"messages": CONVERSATIONS["system"]})
