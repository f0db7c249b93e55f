"""Choosing the next token: greedy, or sampled so that a reply depends on its own seed and not on its batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import LogitsProcessor
from transformers.generation.logits_process import (
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)


@dataclass(frozen=True)
class Sampling:
    """How tokens are chosen, complete: nothing is taken from a model's defaults any more."""

    temperature: float = 0.0  # 0: always the most probable token
    top_k: int = 0  # 0: all
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0


class SeededSampler(LogitsProcessor):
    """Turns logits into scores whose argmax is a sample, with a random stream for each row.

    Gumbel-max (Maddison et al. 2014, section 2): argmax_i(logit_i + g_i) with g_i = -log(e_i), e_i ~ Exp(1), is a draw
    from softmax(logit). So greedy decoding of the result samples, and a row's noise comes from its own generator,
    whatever else is in the batch.
    """

    def __init__(self, sampling: Sampling, seeds: Sequence[int], device: torch.device) -> None:
        """`seeds`: one for each row."""
        assert sampling.temperature > 0
        self._warpers: list[LogitsProcessor] = [TemperatureLogitsWarper(sampling.temperature)]
        if sampling.top_k > 0:
            self._warpers.append(TopKLogitsWarper(sampling.top_k))
        if sampling.top_p < 1:
            self._warpers.append(TopPLogitsWarper(sampling.top_p))
        if sampling.min_p > 0:
            self._warpers.append(MinPLogitsWarper(sampling.min_p))
        self._generators = [torch.Generator(device).manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Return perturbed scores, shape (rows, vocabulary), float32."""
        scores = scores.float()
        for warper in self._warpers:
            scores = warper(input_ids, scores)
        noise = torch.empty_like(scores)
        for row, generator in zip(noise, self._generators, strict=True):
            row.exponential_(generator=generator)
        return scores - noise.clamp_min_(torch.finfo(noise.dtype).tiny).log_()


class RepetitionPenalty(LogitsProcessor):
    """Make tokens that occurred less probable (Keskar et al. 2019, section 4.1), padding not counted.

    transformers' own counts a batch's left padding as occurred, so a reply would depend on its neighbours' lengths.
    """

    def __init__(self, penalty: float, padding: Sequence[int]) -> None:
        """`padding`: how many tokens at the left of each row are padding."""
        self._penalty = penalty
        self._padding = list(padding)

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        """Return penalised scores."""
        scores = scores.clone()
        for row, skipped in enumerate(self._padding):
            seen = input_ids[row, skipped:].unique()
            values = scores[row, seen]
            scores[row, seen] = torch.where(values < 0, values * self._penalty, values / self._penalty)
        return scores
