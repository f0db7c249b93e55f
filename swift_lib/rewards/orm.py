"""The built-in outcome rewards. The texts' rules are those of the metrics of the same names."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from swift_lib.metrics.text import contains, exact_match, numeric_match
from swift_lib.rewards.base import ORM, AsyncORM
from swift_lib.rewards.boxed import first_boxed, same_answer, stated_answer
from swift_lib.rewards.mapping import orms

__all__ = [
    "ORM",
    "AsyncORM",
    "Contains",
    "ExactMatch",
    "Format",
    "MathORM",
    "NumericMatch",
    "ReActFormat",
    "Repetition",
    "orms",
]


def _replies(infer_requests: Sequence[Any]) -> list[str]:
    return [str(request.messages[-1]["content"] or "") for request in infer_requests]


class _TextReward(ORM):
    """Reward by a text metric."""

    @staticmethod
    def metric(prediction: str, reference: str) -> float:
        """Score one reply."""
        raise NotImplementedError

    def __call__(self, infer_requests: Sequence[Any], ground_truths: Sequence[str], **kwargs: Any) -> list[float]:  # type: ignore[override]
        """Return the metric of each reply and its ground truth."""
        pairs = zip(_replies(infer_requests), ground_truths, strict=True)
        return [self.metric(reply, str(truth)) for reply, truth in pairs]


class ExactMatch(_TextReward):
    """1.0 where the reply is the ground truth, apart from white space."""

    metric = staticmethod(exact_match)


class Contains(_TextReward):
    """1.0 where the ground truth occurs in the reply."""

    metric = staticmethod(contains)


class NumericMatch(_TextReward):
    """1.0 where the last numbers of reply and ground truth are equal."""

    metric = staticmethod(numeric_match)


class MathORM(ORM):
    r"""1.0 where the first `\boxed{...}` of the reply is the solution's answer; a reply without a box is wrong."""

    @staticmethod
    def extract_boxed_result(text: str) -> str:
        r"""Return what the first `\boxed{...}` holds; without one, the text itself."""
        boxed = first_boxed(text)
        return text if boxed is None else boxed

    def __call__(self, infer_requests: Sequence[Any], ground_truths: Sequence[str], **kwargs: Any) -> list[float]:  # type: ignore[override]
        """Compare each reply's box with its solution."""
        scores = []
        for reply, truth in zip(_replies(infer_requests), ground_truths, strict=True):
            boxed = first_boxed(reply)
            scores.append(float(boxed is not None and same_answer(boxed, stated_answer(str(truth)))))
        return scores


class _Pattern(ORM):
    """1.0 where the whole reply has a form."""

    pattern: ClassVar[re.Pattern[str]]

    def __call__(self, completions: Sequence[str], **columns: Any) -> list[float]:  # type: ignore[override]
        """Match each reply from its start."""
        return [float(self.pattern.match(reply) is not None) for reply in completions]


class Format(_Pattern):
    """`<think>...</think><answer>...</answer>` and nothing around it."""

    pattern = re.compile(r"<think>.*?</think>\s*<answer>.*</answer>\Z", re.DOTALL)


class ReActFormat(_Pattern):
    """`<think>...</think>` followed by `Action:` and `Action Input:`."""

    pattern = re.compile(r"<think>.*?</think>\s*Action:.*?Action Input:", re.DOTALL)


class Repetition(ORM):
    """A penalty in [max_penalty, 0]: the share of n-grams of words that occurred before, times the penalty."""

    def __init__(self, args: Any = None, ngram: int = 3, max_penalty: float = -1.0) -> None:
        super().__init__(args)
        self.ngram = int(getattr(args, "repetition_n_grams", None) or ngram)
        self.max_penalty = float(getattr(args, "repetition_max_penalty", None) or max_penalty)

    def __call__(self, completions: Sequence[str], **columns: Any) -> list[float]:  # type: ignore[override]
        """Return each reply's penalty; a reply shorter than one n-gram has none."""
        return [self._penalty(reply.lower().split()) for reply in completions]

    def _penalty(self, words: list[str]) -> float:
        grams = list(zip(*(words[start:] for start in range(self.ngram)), strict=False))
        return self.max_penalty * (1 - len(set(grams)) / len(grams)) if grams else 0.0
