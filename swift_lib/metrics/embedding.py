"""How well embeddings tell what belongs together."""

import warnings
from typing import Any

import numpy as np
from scipy import stats

from swift_lib.core.ranking import InfonceOptions, anchored
from swift_lib.metrics.base import EvalMetrics

_ANCHORS = 1024  # whose similarities to all documents are held at once


class InfonceMetrics(EvalMetrics):
    """`--eval_metric infonce`: similarities of anchors to their positives and to what is none.

    `mean_pos`, `mean_neg` (over all pairs of anchor and negative), `margin` (mean over anchors of positive less the
    most similar negative; 0 where nobody has a negative). With INFONCE_USE_BATCH, the default, every other document is
    a negative; INFONCE_HARD_NEGATIVES keeps the first so many of each anchor's own.
    """

    def compute_metrics(self, eval_prediction: Any) -> dict[str, float]:
        """predictions: embeddings (texts, width) of length 1; label_ids: of all but the anchors, 1 begins a group."""
        texts, labels = _embeddings(eval_prediction[0]), np.asarray(eval_prediction[1]).reshape(-1)
        options = InfonceOptions.from_environment()
        kept = None if options.hard_negatives is None else 2 + options.hard_negatives
        groups = [places[:kept] for places in anchored(labels.tolist())]
        if not groups:
            return {"mean_pos": 0.0, "mean_neg": 0.0, "margin": 0.0}
        sizes = np.array([len(group) - 1 for group in groups])
        documents = texts[[place for group in groups for place in group[1:]]]
        anchors, positive = texts[[group[0] for group in groups]], sizes.cumsum() - sizes
        owners = np.repeat(np.arange(len(groups)), sizes)
        positives, hardest, total, count = [], [], 0.0, 0
        for start in range(0, len(groups), _ANCHORS):
            part = np.arange(start, min(start + _ANCHORS, len(groups)))
            scores = anchors[part] @ documents.T  # (anchors, documents)
            row = np.arange(len(part))
            positives.append(scores[row, positive[part]])
            negative = np.ones(scores.shape, bool) if options.use_batch else owners[None] == part[:, None]
            negative[row, positive[part]] = False
            total, count = total + float(scores[negative].sum()), count + int(negative.sum())
            hardest.append(np.where(negative, scores, -np.inf).max(1))
        best, worst = np.concatenate(positives), np.concatenate(hardest)
        has = np.isfinite(worst)
        return {
            "mean_pos": float(best.mean()),
            "mean_neg": total / count if count else 0.0,
            "margin": float((best - worst)[has].mean()) if has.any() else 0.0,
        }


class PairedMetrics(EvalMetrics):
    """`--eval_metric paired`: how far the likeness of pairs goes with their labels.

    `pearson_` and `spearman_` correlations of the labels with `cosine`, `euclidean` and `manhattan` (distances,
    negated) and `dot_product`: eight numbers, 0 where one has no variation.
    """

    def compute_metrics(self, eval_prediction: Any) -> dict[str, float]:
        """predictions: embeddings (2 * pairs, width), even places with the ones after them; label_ids: (pairs,)."""
        texts, labels = _embeddings(eval_prediction[0]), np.asarray(eval_prediction[1], dtype=np.float64).reshape(-1)
        first, second = texts[0::2], texts[1::2]
        dot = (first * second).sum(1)
        lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
        scores = {
            "cosine": dot / np.maximum(lengths, 1e-12),
            "euclidean": -np.linalg.norm(first - second, axis=1),
            "manhattan": -np.abs(first - second).sum(1),
            "dot_product": dot,
        }
        correlations = {"pearson": stats.pearsonr, "spearman": stats.spearmanr}
        return {
            f"{name}_{kind}": _correlation(compute, values, labels)
            for kind, values in scores.items()
            for name, compute in correlations.items()
        }


def _embeddings(values: Any) -> np.ndarray:
    if isinstance(values, tuple | list):
        values = values[0]
    return np.asarray(values, dtype=np.float64)


def _correlation(compute: Any, values: np.ndarray, labels: np.ndarray) -> float:
    if len(values) < 2 or np.ptp(values) == 0 or np.ptp(labels) == 0:
        return 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nearly constant input, which the result shows
        found = float(compute(values, labels)[0])
    return found if np.isfinite(found) else 0.0
