"""Encoding rows, case by case, against another implementation's outputs."""

from typing import Any

import pytest

from swift_lib.core.errors import TemplateError
from swift_lib.template import MaxLengthError, get_template

CASES = [
    "loss_false", "msg_loss_scale", "consecutive_assistant", "consecutive_user", "assistant_first", "lengths",
    "max_length_raise", "max_length_left", "max_length_right", "default_system_arg", "response_prefix_arg",
    "response_prefix_row", "enable_thinking_row", "assistant_prefill_infer", "add_non_thinking_false", "empty",
    "llama3_multi", "llama_multi", "mistral_nemo_sys",
]  # fmt: skip
DIFFERENCES = {
    # The vendor's template has no blank after [INST] (test_golden_templates.py).
    "mistral_nemo_sys": [[0, "<s>[INST]Q1[/INST]"], [1, "A1</s>"], [0, "[INST]SYS\n\nQ2[/INST]"], [1, "A2</s>"]],
}
NUMBERS = {"max_length": int, "add_non_thinking_prefix": lambda text: text == "True"}


@pytest.mark.parametrize("case", CASES)
def test_row_is_encoded_as_the_golden_file_says(case: str, characters: Any, golden: Any, segments: Any) -> None:
    spec = golden("encode")[case]
    # is_binary_loss_scale: ours emits weights whenever they are not all 0 or 1.
    options = {key: NUMBERS.get(key, str)(value) for key, value in spec["kw"].items() if key != "is_binary_loss_scale"}
    template = get_template(characters, spec["template"], **options)
    template.set_mode(spec["mode"])
    if isinstance(spec["out"], str):
        with pytest.raises(MaxLengthError if "MaxLength" in spec["out"] else TemplateError):
            template.encode(spec["in"])
        return
    encoded = template.encode(spec["in"], return_length=True)
    assert encoded["length"] == spec["out"].get("length", len(encoded["input_ids"]))
    if template.is_training:
        assert segments(encoded, characters) == DIFFERENCES.get(case, spec["out"]["text"])
    else:
        assert characters.decode(encoded["input_ids"]) == spec["out"]["text"]
