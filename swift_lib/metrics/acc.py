"""How many tokens, or rows, a model gets right."""

from typing import Any

import numpy as np

from swift_lib.metrics.base import EvalMetrics

IGNORED = -100


def preprocess_logits_for_acc(logits: Any, labels: Any) -> Any:
    """The likeliest token at each place, of logits (batch, length, vocabulary) or a tuple that begins with them."""
    if isinstance(logits, tuple | list):
        logits = logits[0]
    return logits.argmax(-1)


def compute_acc_metrics(
    eval_prediction: Any, *, acc_strategy: str = "token", is_encoder_decoder: bool = False
) -> dict[str, float]:
    """The share of right predictions.

    eval_prediction: predictions and label_ids, integers of shape (rows, length), -100 in labels where nothing counts;
    of shape (rows,) for classes. A causal model's prediction stands one place before its label. acc_strategy "token"
    gives `token_acc`; "seq" `seq_acc`, the share of rows with every token right, rows without labels left out; classes
    give `acc`. Labels that are no integers give nothing.
    """
    predictions, labels = np.asarray(eval_prediction[0]), np.asarray(eval_prediction[1])
    if np.issubdtype(labels.dtype, np.floating):
        return {}
    if labels.ndim == 1:
        return {"acc": float((predictions.reshape(-1) == labels).mean())} if labels.size else {}
    if not is_encoder_decoder:
        predictions, labels = predictions[..., :-1], labels[..., 1:]
    counted = labels != IGNORED
    right = (predictions == labels) & counted
    if acc_strategy == "seq":
        there = counted.any(-1)
        right, counted = (right == counted).all(-1) & there, there
    total = int(counted.sum())
    return {f"{acc_strategy}_acc": int(right.sum()) / total} if total else {}


class AccMetrics(EvalMetrics):
    """`--eval_metric acc`, by `--acc_strategy`."""

    as_pair = (compute_acc_metrics, preprocess_logits_for_acc)

    def compute_metrics(self, eval_prediction: Any) -> dict[str, float]:
        """See `compute_acc_metrics`."""
        config = getattr(getattr(self.trainer, "model", None), "config", None)
        return compute_acc_metrics(
            eval_prediction,
            acc_strategy=getattr(self.args, "acc_strategy", "token"),
            is_encoder_decoder=bool(getattr(config, "is_encoder_decoder", False)),
        )

    def preprocess_logits_for_metrics(self, logits: Any, labels: Any) -> Any:
        """See `preprocess_logits_for_acc`."""
        return preprocess_logits_for_acc(logits, labels)
