from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import EvalPrediction

from swift_lib.metrics.acc import compute_acc_metrics, preprocess_logits_for_acc
from swift_lib.metrics.running import TokenAccuracy

# Right where the prediction one place before a label is that label.
LABELS = np.array([[-100, 5, 6], [-100, -100, 7], [-100, -100, -100]])
PREDICTIONS = np.array([[5, 6, 0], [0, 8, 0], [1, 2, 3]])


def of(predictions: Any, labels: Any) -> EvalPrediction:
    return EvalPrediction(predictions=predictions, label_ids=labels)


def test_tokens_and_rows() -> None:
    assert compute_acc_metrics(of(PREDICTIONS, LABELS)) == {"token_acc": 2 / 3}
    assert compute_acc_metrics(of(PREDICTIONS, LABELS), acc_strategy="seq") == {"seq_acc": 1 / 2}


def test_a_decoder_of_its_own_predicts_in_place() -> None:
    predictions = np.array([[9, 5, 0], [9, 9, 7], [1, 2, 3]])
    assert compute_acc_metrics(of(predictions, LABELS), is_encoder_decoder=True) == {"token_acc": 2 / 3}


def test_classes_have_one_place_each() -> None:
    assert compute_acc_metrics(of(np.array([1, 0, 2]), np.array([1, 1, 2]))) == {"acc": 2 / 3}


@pytest.mark.parametrize("labels", [np.array([0.5, 1.0]), np.array([[-100, -100]]), np.array([], dtype=np.int64)])
def test_without_labels_to_compare_with_there_is_no_number(labels: Any) -> None:
    assert compute_acc_metrics(of(np.zeros(labels.shape, np.int64), labels)) == {}


def test_logits_shrink_to_their_likeliest_token() -> None:
    logits = torch.randn(2, 3, 7)
    assert preprocess_logits_for_acc(logits, None).equal(logits.argmax(-1))
    assert preprocess_logits_for_acc((logits, "more"), None).shape == (2, 3)


def test_the_named_metric_follows_the_strategy(metric: Any) -> None:
    assert metric("acc", PREDICTIONS, LABELS) == {"token_acc": 2 / 3}
    assert metric("acc", PREDICTIONS, LABELS, acc_strategy="seq") == {"seq_acc": 1 / 2}
    model = SimpleNamespace(config=SimpleNamespace(is_encoder_decoder=True))
    assert metric("acc", LABELS.clip(0), LABELS, trainer=SimpleNamespace(model=model)) == {"token_acc": 1.0}


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 6), min_size=1, max_size=6),
    batch=st.integers(1, 3),
    seed=st.integers(0, 999),
    strategy=st.sampled_from(["token", "seq"]),
)
def test_batches_of_any_lengths_and_packs_give_the_number_of_all_rows(
    lengths: list[int], batch: int, seed: int, strategy: str
) -> None:
    """Streamed in padded batches, streamed side by side in one line, and computed at once."""
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for length in lengths:
        labels = torch.randint(-1, 2, (length,), generator=generator)
        labels = torch.where(labels < 0, -100, labels)
        labels[0] = -100
        rows.append((torch.randint(0, 2, (length,), generator=generator), labels))

    def padded(part: list[Any]) -> list[torch.Tensor]:
        columns = zip(*part, strict=True)
        return [
            torch.nn.utils.rnn.pad_sequence(list(column), batch_first=True, padding_value=fill)
            for column, fill in zip(columns, (0, -100), strict=True)
        ]

    at_once = compute_acc_metrics(of(*(tensor.numpy() for tensor in padded(rows))), acc_strategy=strategy)
    streamed, packed = TokenAccuracy(strategy), TokenAccuracy(strategy)
    for start in range(0, len(rows), batch):
        streamed.update(*padded(rows[start : start + batch]))
    positions = torch.cat([torch.arange(length) for length in lengths])[None]
    predictions, labels = (torch.cat(list(column))[None] for column in zip(*rows, strict=True))
    packed.update(predictions, labels, positions)
    assert streamed.compute() == packed.compute() == at_once
    streamed.reset()
    assert streamed.compute() == {}
