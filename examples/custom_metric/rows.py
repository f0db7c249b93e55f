"""The metrics `right_rows` (a class, 4.0) and `longest` (a pair of functions, 3.0)."""

from typing import Any

import numpy as np

from swift_lib.metrics import EvalMetrics, eval_metrics_map


class RightRows(EvalMetrics):
    """The share of rows of which at least nine tokens of ten are right."""

    def preprocess_logits_for_metrics(self, logits: Any, labels: Any) -> Any:
        """The likeliest token of each place, so that no logits are kept."""
        return logits.argmax(-1)

    def compute_metrics(self, eval_prediction: Any) -> dict[str, float]:
        """A prediction stands one place before its label."""
        labels = eval_prediction.label_ids[:, 1:]
        trained = labels != -100
        right = (eval_prediction.predictions[:, :-1] == labels) & trained
        return {"right_rows": float((right.sum(1) >= 0.9 * trained.sum(1)).mean())}


def longest(prediction: Any) -> dict[str, float]:
    """Tokens of the longest reply; the predictions are not looked at."""
    return {"longest": float((np.asarray(prediction.label_ids) != -100).sum(1).max())}


def nothing(logits: Any, labels: Any) -> Any:
    """One number a row in place of its logits."""
    return logits[:, 0, 0]


eval_metrics_map["right_rows"] = RightRows

METRIC_MAPPING = {"longest": (longest, nothing)}
