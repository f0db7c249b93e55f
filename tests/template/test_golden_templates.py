"""Our templates against another implementation's outputs, string by string."""

import re
from datetime import date
from typing import Any

import pytest

from swift_lib.core.errors import TemplateError
from swift_lib.template import TEMPLATE_MAPPING, get_template

COT = "<think>\nR{0}\n</think>\n\nA{0}"
NO_BLANK = "the vendor's template has no blank after [INST], the other implementation writes one"
UNSET_SYSTEM = NO_BLANK + "; and with no system given it writes the placeholder {{SYSTEM}} itself"
JINJA = "the other implementation failed on its test tokenizer; dummy renders with the tokenizer's own chat template"
# (template, case) -> (what ours gives, why)
DIFFERENCES: dict[tuple[str, str], tuple[Any, str]] = {
    ("mistral_nemo", "infer_1r"): ("<s>[INST]Q1[/INST]", UNSET_SYSTEM),
    ("mistral_nemo", "infer_1r_sys"): ("<s>[INST]SYS\n\nQ1[/INST]", NO_BLANK),
    ("mistral_nemo", "infer_1r_emptysys"): ("<s>[INST]\n\nQ1[/INST]", NO_BLANK),
    ("mistral_nemo", "train_2r"): (
        [[0, "<s>[INST]Q1[/INST]"], [1, "A1</s>"], [0, "[INST]Q2[/INST]"], [1, "A2</s>"]],
        UNSET_SYSTEM,
    ),
    ("mistral_nemo", "train_2r_sys"): (
        [[0, "<s>[INST]Q1[/INST]"], [1, "A1</s>"], [0, "[INST]SYS\n\nQ2[/INST]"], [1, "A2</s>"]],
        NO_BLANK,
    ),
    ("dummy", "infer_1r"): (TemplateError, JINJA),
    ("dummy", "infer_1r_sys"): (TemplateError, JINJA),
    ("dummy", "infer_1r_emptysys"): (TemplateError, JINJA),
    ("dummy", "train_2r_sys"): (TemplateError, "the same refusal, with our error"),
}
OURS = {"mistral_v3"}  # the form that the other implementation calls mistral_nemo
NAMES = TEMPLATE_MAPPING.names()
NEEDS_IGNORE_EMPTY_THINK = "train_2r_ignore_empty_think"  # a loss scale of its own, not built in yet


def rows(case: str) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The row, the template options and the mode of a golden case."""
    options: dict[str, Any] = {}
    user = [{"role": "user", "content": f"Q{i}"} for i in (1, 2)]
    answer = [{"role": "assistant", "content": (COT if "_cot" in case else "A{0}").format(i)} for i in (1, 2)]
    if case.startswith("infer_1r") or case == "generate_infer":
        messages = user[:1]
    elif case.startswith("infer_2r"):
        messages = [user[0], answer[0], user[1]]
    elif case == "pretrain":
        messages = [{"role": "assistant", "content": "TEXT"}]
    else:
        messages = [user[0], answer[0], user[1], answer[1]]
    if case.endswith(("_sys", "_emptysys")):
        messages = [{"role": "system", "content": "" if "empty" in case else "SYS"}, *messages]
    if "think_o" in case:
        options["enable_thinking"] = case.endswith("on")
    if case.endswith("lastround"):
        options["loss_scale"] = "last_round"
    if case in ("pretrain", "generate_infer"):
        options["use_chat_template"] = False
    mode = "train" if case.startswith(("train", "pretrain")) else "transformers"
    return {"messages": messages}, options, mode


def dated(text: str) -> str:
    """A golden text with its marks for today's date filled in."""
    return re.sub(r"\{\{TODAY:(.+?)\}\}", lambda found: date.today().strftime(found[1]), text)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in OURS])
def test_template_renders_as_the_golden_file_says(name: str, characters: Any, golden: Any, segments: Any) -> None:
    cases = golden("templates")[name]
    for case, expected in cases.items():
        if case == NEEDS_IGNORE_EMPTY_THINK:
            continue
        row, options, mode = rows(case)
        template = get_template(characters, name, keep_last_round=True, **options)
        template.set_mode(mode)
        expected, _ = DIFFERENCES.get((name, case), (expected, ""))
        if expected is TemplateError:
            with pytest.raises(TemplateError):
                template.encode(row)
        elif mode == "train":
            expected = [[weight, dated(text)] for weight, text in expected]
            assert segments(template.encode(row), characters) == expected, case
        else:
            assert characters.decode(template.encode(row)["input_ids"]) == dated(expected), case


def test_no_listed_difference_is_stale(golden: Any) -> None:
    assert all(golden("templates")[name][case] != ours for (name, case), (ours, _) in DIFFERENCES.items())


def test_template_fields_are_those_of_the_golden_file(golden: Any) -> None:
    fields = golden("template_fields")
    names = (
        "prefix prompt chat_sep suffix system_prefix default_system auto_add_bos stop_words agent_template is_thinking "
    )
    names += (
        "thinking_prefix non_thinking_prefix preserve_thinking history_thinking_prefix support_system is_post_system"
    )
    for name in NAMES:
        if name == "mistral_nemo":
            continue  # NO_BLANK
        meta, expected = TEMPLATE_MAPPING[name], fields["mistral_nemo" if name in OURS else name]
        for field in names.split():
            assert repr(getattr(meta, field)) == dated(repr(expected[field])), (name, field)
