"""Padding: values, sides, and what a batch holds."""

from typing import Any

import pytest

from swift_lib.core.errors import TemplateError
from swift_lib.template import get_template

LONG = {"input_ids": [5, 6, 7], "labels": [-100, 6, 7]}
SHORT = {"input_ids": [8, 9], "labels": [-100, 9]}


def test_training_pads_on_the_right(characters: Any) -> None:
    template = get_template(characters, "qwen")
    template.set_mode("train")
    batch = template.data_collator([LONG, SHORT])
    assert {key: value.tolist() for key, value in batch.items()} == {
        "input_ids": [[5, 6, 7], [8, 9, 2]],
        "labels": [[-100, 6, 7], [-100, 9, -100]],
        "attention_mask": [[1, 1, 1], [1, 1, 0]],
    }


def test_left_padding_in_training_counts_positions(characters: Any) -> None:
    template = get_template(characters, "qwen", padding_side="left")
    template.set_mode("train")
    batch = template.data_collator([LONG, SHORT])
    assert batch["input_ids"].tolist() == [[5, 6, 7], [2, 8, 9]]
    assert batch["position_ids"].tolist() == [[0, 1, 2], [0, 0, 1]]


def test_inference_pads_on_the_left(characters: Any) -> None:
    batch = get_template(characters, "qwen").data_collator([{"input_ids": [5, 6, 7]}, {"input_ids": [8]}])
    assert batch["input_ids"].tolist() == [[5, 6, 7], [2, 2, 8]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [0, 0, 1]]


def test_rows_without_weights_weigh_one_beside_rows_that_have_them(characters: Any) -> None:
    template = get_template(characters, "qwen")
    template.set_mode("train")
    batch = template.data_collator([{**LONG, "loss_scale": [0.0, 0.5, 1.0]}, SHORT], padding_to=4)
    assert batch["loss_scale"].tolist() == [[0.0, 0.5, 1.0, 0.0], [0.0, 1.0, 0.0, 0.0]]


def test_a_missing_pad_token_is_an_error_that_says_what_to_do(characters: Any) -> None:
    class NoPad(type(characters)):  # type: ignore[misc]
        pad_token = pad_token_id = None

    template = get_template(NoPad(), "qwen")
    with pytest.raises(TemplateError, match="pad_token"):
        template.data_collator([{"input_ids": [1]}])
