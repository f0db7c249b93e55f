import math
from typing import Any

import numpy as np
import pytest

from swift_lib.core.errors import DataError
from swift_lib.metrics import embedding

COS = {degrees: math.cos(math.radians(degrees)) for degrees in (10, 20, 30, 60, 90)}


def at_angles(*degrees: float) -> np.ndarray:
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


TEXTS = at_angles(0, 10, 60, 90, 90, 60)  # an anchor, its positive, two negatives; an anchor with a positive only
LABELS = np.array([1, 0, 0, 1])


def test_own_negatives_only(metric: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFONCE_USE_BATCH", "False")
    found = metric("infonce", TEXTS, LABELS)
    assert found == pytest.approx({
        "mean_pos": (COS[10] + COS[30]) / 2,
        "mean_neg": (COS[60] + 0) / 2,
        "margin": COS[10] - COS[60],
    })  # fmt: skip


def test_every_other_document_is_a_negative(metric: Any) -> None:
    found = metric("infonce", TEXTS, LABELS)
    first, second = [COS[60], 0.0, COS[60]], [math.cos(math.radians(80)), COS[30], 1.0]
    assert found == pytest.approx({
        "mean_pos": (COS[10] + COS[30]) / 2,
        "mean_neg": sum(first + second) / 6,
        "margin": (COS[10] - COS[60] + COS[30] - 1) / 2,
    })  # fmt: skip


def test_the_first_hard_negatives_are_kept(metric: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFONCE_USE_BATCH", "False")
    monkeypatch.setenv("INFONCE_HARD_NEGATIVES", "1")
    assert metric("infonce", TEXTS, LABELS)["mean_neg"] == pytest.approx(COS[60])


def test_parts_of_the_anchors_give_the_numbers_of_all(metric: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    texts, labels = np.random.default_rng(0).normal(size=(40, 4)), np.array([1, 0, 0] * 10)
    whole = metric("infonce", texts, labels)
    monkeypatch.setattr(embedding, "_ANCHORS", 3)
    assert metric("infonce", texts, labels) == pytest.approx(whole)


def test_without_negatives_there_is_no_margin(metric: Any) -> None:
    assert metric("infonce", TEXTS[:2], LABELS[:1]) == pytest.approx(
        {"mean_pos": COS[10], "mean_neg": 0.0, "margin": 0.0}
    )
    with pytest.raises(DataError, match="no positive"):
        metric("infonce", TEXTS[:3], np.array([0, 1]))


def test_labels_that_go_with_the_likeness(metric: Any) -> None:
    texts = at_angles(0, 10, 0, 20, 0, 30, 0, 60)
    found = metric("paired", texts, np.array([COS[10], COS[20], COS[30], COS[60]]))
    assert len(found) == 8
    assert [found[f"pearson_{kind}"] for kind in ("cosine", "dot_product")] == pytest.approx([1, 1])
    spearman = [found[f"spearman_{kind}"] for kind in ("cosine", "euclidean", "manhattan", "dot_product")]
    assert spearman == pytest.approx([1, 1, 1, 1])
    assert 0.9 < found["pearson_euclidean"] < 1 and 0.9 < found["pearson_manhattan"] < 1


def test_labels_that_go_against_it(metric: Any) -> None:
    found = metric("paired", at_angles(0, 10, 0, 20, 0, 60), np.array([0.0, 0.5, 1.0]))
    assert all(found[f"spearman_{kind}"] == pytest.approx(-1) for kind in ("cosine", "euclidean", "manhattan"))


def test_lengths_matter_to_products_and_distances_only(metric: Any) -> None:
    texts = at_angles(0, 10, 0, 20, 0, 30)
    longer = texts * np.array([[1], [9], [1], [5], [1], [1]])
    labels = np.array([1.0, 2.0, 4.0])
    before, after = metric("paired", texts, labels), metric("paired", longer, labels)
    assert after["pearson_cosine"] == pytest.approx(before["pearson_cosine"])
    assert after["pearson_dot_product"] != pytest.approx(before["pearson_dot_product"], abs=0.01)


@pytest.mark.parametrize("labels", [[1.0, 1.0], [1.0]])
def test_without_variation_there_is_no_correlation(labels: list[float], metric: Any) -> None:
    found = metric("paired", at_angles(*range(0, 20 * len(labels), 10)), np.array(labels))
    assert set(found.values()) == {0.0}
