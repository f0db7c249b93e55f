"""Replies in steps: where a step ends, and where its label stands."""

from typing import Any

import pytest

from swift_lib.core.errors import TemplateError
from swift_lib.template import Template, get_template
from swift_lib.template.steps import end_steps, judged, step_ends

ASKED = [{"role": "user", "content": "Q"}]


def prm(characters: Any, **options: Any) -> Template:
    template = get_template(characters, options.pop("template", "chatml"), task_type="prm", **options)
    template.set_mode("train")
    return template


def replies(*texts: str) -> list[dict[str, str]]:
    return [*ASKED, *({"role": "assistant", "content": text} for text in texts)]


@pytest.mark.parametrize(
    ("content", "steps"),
    [
        ("a\n\nb", ["a\n\n", "b\n\n"]),
        ("a\n\nb\n\n", ["a\n\n", "b\n\n"]),
        ("a", ["a\n\n"]),
        ("a\n\n\n\nb", ["a\n\n\n\n", "b\n\n"]),
        ("\n\na", ["\n\na\n\n"]),
        (["a", "b\n\nc"], ["a\n\n", "b\n\n", "c\n\n"]),
    ],
)
def test_every_step_ends_with_the_mark(content: Any, steps: list[str]) -> None:
    messages = [{"role": "user", "content": "x\n\ny"}, {"role": "assistant", "content": content}]
    end_steps(messages, "\n\n")
    assert messages[1]["content"] == steps
    assert messages[0]["content"] == "x\n\ny"


def test_the_marks_and_nothing_else_are_labelled(characters: Any) -> None:
    encoded = prm(characters).encode({"messages": replies("one\n\ntwo"), "label": [1, 0]})
    text = characters.decode(encoded["input_ids"])
    assert text.endswith("assistant\none\n\ntwo\n\n<|im_end|>\n")
    ends = step_ends(encoded["labels"])
    assert [characters.decode(encoded["input_ids"][at - 4 : at + 1]) for at in ends] == ["one\n\n", "two\n\n"]
    assert sum(label != -100 for label in encoded["labels"]) == 4, "two characters for each mark, no suffix"
    assert encoded["label"] == [1, 0]


def test_replies_that_follow_each_other_are_steps(characters: Any) -> None:
    together = prm(characters).encode({"messages": replies("one\n\ntwo"), "label": [1, 0]})
    apart = prm(characters).encode({"messages": replies("one", "two"), "label": [1, 0]})
    assert apart == together


def test_the_mark_can_be_chosen(characters: Any) -> None:
    encoded = prm(characters, step_mark="#").encode({"messages": replies("one#two"), "label": [1, 0]})
    assert [characters.decode([encoded["input_ids"][at]]) for at in step_ends(encoded["labels"])] == ["#", "#"]


def test_a_batch_has_the_classes_where_the_steps_end(characters: Any) -> None:
    template = prm(characters)
    rows = [
        template.encode({"messages": replies("one\n\ntwo"), "label": [1, 0]}),
        template.encode({"messages": replies("three"), "label": [1]}),
    ]
    batch = template.data_collator(rows)
    assert batch["labels"][batch["labels"] != -100].tolist() == [1, 0, 1]
    template.padding_free = True
    packed = template.data_collator(rows)
    assert packed["labels"][packed["labels"] != -100].tolist() == [1, 0, 1]
    assert packed["input_ids"].shape == (1, sum(len(row["input_ids"]) for row in rows))


def test_labels_that_do_not_fit_the_steps_are_refused() -> None:
    with pytest.raises(TemplateError, match="1 labels for 2 steps"):
        judged([{"labels": [-100, 5, -100, 5], "label": [1]}])


def test_a_row_that_counts_nowhere_has_no_labels() -> None:
    assert judged([{"labels": [-100, -100], "label": [1, 0]}])[0]["labels"] == [-100, -100]


def test_the_marks_of_a_vendor_are_kept(characters: Any) -> None:
    template = prm(characters, template="qwen2_5_math_prm")
    assert template.step_mark == "<extra_0>"
    encoded = template.encode({"messages": replies("one<extra_0>two<extra_0>"), "label": [1, 0]})
    assert len(step_ends(encoded["labels"])) == 2
