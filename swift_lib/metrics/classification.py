"""How good a classifier is, by what its labels are."""

from typing import Any

import numpy as np


def classification_metrics(prediction: Any, *, problem_type: str) -> dict[str, float]:
    """Metrics of one `transformers.EvalPrediction`: logits (rows, outputs) and labels.

    single_label_classification: acc, the share of rows that are right, and f1, the mean over the classes that occur.
    multi_label_classification, a class being meant where its logit is above 0: acc, the share of rows of which every
    class is right, and f1 over all rows and classes together. regression: mse, and pearson, the mean over the outputs
    (0 where one of the sides does not vary).
    """
    logits = np.asarray(prediction.predictions, dtype=np.float64)
    labels = np.asarray(prediction.label_ids)
    if problem_type == "regression":
        wanted = labels.astype(np.float64).reshape(logits.shape)
        pearson = float(np.mean([_pearson(*column) for column in zip(logits.T, wanted.T, strict=True)]))
        return {"mse": float(((logits - wanted) ** 2).mean()), "pearson": pearson}
    if problem_type == "multi_label_classification":
        meant, fits = logits > 0, labels > 0.5
        return {"acc": float((meant == fits).all(axis=1).mean()), "f1": _f1(meant, fits)}
    chosen = logits.argmax(axis=1)
    classes = np.union1d(chosen, labels)
    f1 = float(np.mean([_f1(chosen == number, labels == number) for number in classes]))
    return {"acc": float((chosen == labels).mean()), "f1": f1}


def _f1(meant: np.ndarray, wanted: np.ndarray) -> float:
    """2 true positives / (positives meant + positives wanted); 1 where there are neither."""
    positives = int(meant.sum()) + int(wanted.sum())
    return 2.0 * int((meant & wanted).sum()) / positives if positives else 1.0


def _pearson(one: np.ndarray, other: np.ndarray) -> float:
    one, other = one - one.mean(), other - other.mean()
    spread = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return float((one * other).sum() / spread) if spread else 0.0
