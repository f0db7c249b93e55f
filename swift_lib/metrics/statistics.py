"""How sure a measured rate is, and what it says about several tries."""

import math

Z_95 = 1.959963984540054  # the 97.5 % quantile of the normal distribution: a two-sided 95 % interval


def wilson_interval(successes: float, total: int, z: float = Z_95) -> tuple[float, float]:
    """Return the score interval of a proportion (Wilson 1927): it stays inside [0, 1] and is not empty at 0 or 1.

    centre = (p + z²/2n) / (1 + z²/n), half width = z/(1 + z²/n) · sqrt(p(1-p)/n + z²/4n²). Of nothing: (0, 1).
    """
    if total == 0:
        return 0.0, 1.0
    rate = successes / total
    shrink = 1 + z * z / total
    centre = (rate + z * z / (2 * total)) / shrink
    half = z / shrink * math.sqrt(rate * (1 - rate) / total + z * z / (4 * total * total))
    return max(0.0, centre - half), min(1.0, centre + half)


def pass_at_k(samples: int, correct: int, k: int) -> float:
    """Return the unbiased estimate of pass@k (Chen et al. 2021, arXiv 2107.03374, equation 1).

    1 - C(n-c, k) / C(n, k): the chance that k of the n samples, drawn without replacement, hold a correct one.
    """
    assert 0 <= correct <= samples and 1 <= k <= samples, (samples, correct, k)
    return 1.0 - math.comb(samples - correct, k) / math.comb(samples, k)


def mean(values: list[float]) -> float:
    """Return the mean; of nothing, 0.0."""
    return sum(values) / len(values) if values else 0.0


def standard_deviation(values: list[float]) -> float:
    """Return the population standard deviation; of nothing, 0.0."""
    centre = mean(values)
    return math.sqrt(mean([(value - centre) ** 2 for value in values]))
