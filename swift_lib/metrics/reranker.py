"""How high a reranker puts the document that fits."""

from typing import Any

import numpy as np

from swift_lib.core.ranking import groups
from swift_lib.metrics.base import EvalMetrics


class RerankerMetrics(EvalMetrics):
    """`--eval_metric reranker`: `mrr` and `ndcg`, means over queries; groups of one document do not count.

    With one fitting document at rank r of a query's: 1/r (Voorhees 1999, "The TREC-8 Question Answering Track Report")
    and 1/log2(1 + r) (Järvelin and Kekäläinen 2002, equation 3, over the best, which is 1). Others with the same
    score stand before it, so that a model that tells nothing apart gets no credit. No group: 0.
    """

    def compute_metrics(self, eval_prediction: Any) -> dict[str, float]:
        """predictions: scores (documents,) or (documents, 1); label_ids: (documents,), 1 begins a group, else 0."""
        values = eval_prediction[0][0] if isinstance(eval_prediction[0], tuple | list) else eval_prediction[0]
        scores = np.nan_to_num(np.asarray(values, dtype=np.float64).reshape(-1), nan=-np.inf)
        found = [group for group in groups(np.asarray(eval_prediction[1]).reshape(-1).tolist()) if len(group) > 1]
        ranks = np.array([(scores[group.start : group.stop] >= scores[group.start]).sum() for group in found])
        if not found:
            return {"mrr": 0.0, "ndcg": 0.0}
        return {"mrr": float((1 / ranks).mean()), "ndcg": float((1 / np.log2(1 + ranks)).mean())}
