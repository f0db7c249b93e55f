from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from swift_lib.core.errors import ContractError
from swift_lib.metrics import compute_nlg_metrics
from swift_lib.metrics.nlg import KEYS, nlg_scores, words


def test_words_are_divided_by_blanks_or_by_what_they_mean() -> None:
    assert words("the cat  sat.") == ["the", "cat", "sat", "."]
    assert words("我爱北京天安门") == ["我", "爱", "北京", "天安门"]


def test_rouge_by_hand() -> None:
    """Two of three words found, two of four wanted; one pair of neighbours of two found and three wanted."""
    found = nlg_scores("the cat sat", "the cat ran fast")
    assert found["rouge-1"] == pytest.approx(100 * 4 / 7)
    assert found["rouge-2"] == pytest.approx(100 * 2 / 5)
    assert found["rouge-l"] == pytest.approx(100 * 4 / 7)


def test_the_longest_common_order_counts() -> None:
    found = nlg_scores("d a b c", "a b c d")
    assert found["rouge-1"] == 100 and found["rouge-l"] == 75


def test_chinese_is_compared_by_words() -> None:
    found = nlg_scores("我爱上海天安门", "我爱北京天安门")
    assert found["rouge-1"] == pytest.approx(75) and found["rouge-2"] == pytest.approx(100 / 3)


def test_the_same_text_has_all() -> None:
    assert nlg_scores("one two three four five", "one two three four five") == pytest.approx(dict.fromkeys(KEYS, 100))


def test_bleu_by_hand() -> None:
    """Precisions 4/5, 3/4, 2/3, 1/2 of the first to the fourth order; both texts have five words."""
    expected = 100 * (4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25
    assert nlg_scores("a b c d x", "a b c d e")["bleu-4"] == pytest.approx(expected)


def test_nothing_is_like_nothing_only() -> None:
    assert nlg_scores("", "word") == nlg_scores("word", " ") == dict.fromkeys(KEYS, 0.0)
    assert nlg_scores("", " ") == dict.fromkeys(KEYS, 100.0)


def test_a_data_set_has_the_mean_of_its_rows() -> None:
    pair = (["the cat sat", "a b"], ["the cat ran fast", "a b"])
    found = compute_nlg_metrics(pair)
    assert found["rouge-1"] == pytest.approx((100 * 4 / 7 + 100) / 2)


def test_token_ids_become_texts(metric: Any) -> None:
    decoded = {1: "red", 2: "blue"}
    tokenizer = SimpleNamespace(decode=lambda ids, skip_special_tokens: " ".join(decoded[i] for i in ids))
    for processor in (tokenizer, SimpleNamespace(tokenizer=tokenizer)):
        found = metric(
            "nlg",
            np.array([[1, 2, -100], [2, -100, -100]]),
            np.array([[1, 2, -100], [1, -100, -100]]),
            trainer=SimpleNamespace(processing_class=processor),
        )
        assert found["rouge-1"] == 50


def test_logits_are_refused(metric: Any) -> None:
    with pytest.raises(ContractError, match=r"shape \(2, 3, 7\).*--predict_with_generate true"):
        metric("nlg", np.zeros((2, 3, 7)), np.zeros((2, 3), np.int64))
    with pytest.raises(ContractError, match="nlg compares texts, and got token ids"):
        compute_nlg_metrics((np.array([[1]]), np.array([[1]])))
