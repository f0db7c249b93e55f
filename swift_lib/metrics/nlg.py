"""How like a generated text is to its reference: ROUGE and BLEU."""

import logging
from collections.abc import Sequence
from functools import cache
from typing import Any

import jieba
import numpy as np
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from rouge_score.rouge_scorer import RougeScorer

from swift_lib.core.errors import ContractError
from swift_lib.metrics.base import EvalMetrics
from swift_lib.metrics.statistics import mean

IGNORED = -100
_ROUGE = {"rouge1": "rouge-1", "rouge2": "rouge-2", "rougeL": "rouge-l"}
KEYS = (*_ROUGE.values(), "bleu-4")

jieba.setLogLevel(logging.WARNING)


def words(text: str) -> list[str]:
    """The words of a text, Chinese ones as well, which no blanks divide; blanks are none."""
    return [word for word in jieba.cut(text) if word.strip()]


class _Words:
    """What rouge_score calls a tokenizer."""

    def tokenize(self, text: str) -> list[str]:
        return words(text)


@cache
def _scorer() -> RougeScorer:
    return RougeScorer(list(_ROUGE), tokenizer=_Words())


def nlg_scores(prediction: str, reference: str) -> dict[str, float]:
    """`rouge-1`, `rouge-2`, `rouge-l` (F) and `bleu-4` of one text, 0 to 100.

    ROUGE: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 2 and 3.2. BLEU: Papineni et al.
    2002, up to four words, where none of four match smoothed as by Chen and Cherry 2014, method 3. An empty text is
    like nothing (0) but another empty one (100).
    """
    found, wanted = words(prediction), words(reference)
    if not found or not wanted:
        return dict.fromkeys(KEYS, 100.0 if found == wanted else 0.0)
    scores = {_ROUGE[name]: 100 * score.fmeasure for name, score in _scorer().score(reference, prediction).items()}
    bleu = sentence_bleu([wanted], found, smoothing_function=SmoothingFunction().method3)
    return {**scores, "bleu-4": 100 * float(bleu)}


def mean_nlg_scores(predictions: Sequence[str], references: Sequence[str]) -> dict[str, float]:
    """The means of `nlg_scores` over rows."""
    rows = [nlg_scores(*pair) for pair in zip(predictions, references, strict=True)]
    return {key: mean([row[key] for row in rows]) for key in KEYS}


def compute_nlg_metrics(prediction: Any) -> dict[str, float]:
    """The means of `nlg_scores`; prediction: predictions and label_ids, both a list of texts."""
    predictions, references = prediction[0], prediction[1]
    for texts in (predictions, references):
        if not all(isinstance(text, str) for text in texts):
            raise ContractError(
                "nlg compares texts, and got token ids or logits",
                where="--eval_metric nlg",
                fix="give --predict_with_generate true; token ids become texts with the class NlgMetrics",
            )
    return mean_nlg_scores(list(predictions), list(references))


class NlgMetrics(EvalMetrics):
    """`--eval_metric nlg`: replies that were generated for the validation prompts, compared with the right ones."""

    as_pair = (compute_nlg_metrics, None)

    def compute_metrics(self, eval_prediction: Any) -> dict[str, float]:
        """predictions and label_ids: texts, or token ids of shape (rows, length), filled up with -100."""
        return mean_nlg_scores(self._texts(eval_prediction[0]), self._texts(eval_prediction[1]))

    def _texts(self, values: Any) -> list[str]:
        if all(isinstance(value, str) for value in values):
            return list(values)
        ids = np.asarray(values)
        if ids.ndim != 2 or not np.issubdtype(ids.dtype, np.integer):
            raise ContractError(
                f"nlg compares generated replies, and got an array of shape {ids.shape} and type {ids.dtype}",
                where="--eval_metric nlg",
                fix="give --predict_with_generate true",
            )
        tokenizer = self.trainer.processing_class
        decode = getattr(tokenizer, "tokenizer", tokenizer).decode
        return [decode(row[row != IGNORED].tolist(), skip_special_tokens=True) for row in ids]
