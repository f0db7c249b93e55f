"""Helpers that metrics share, under the name readers of the documents look for."""

from swift_lib.metrics.statistics import mean, pass_at_k, standard_deviation, wilson_interval
from swift_lib.metrics.text import last_number, normalise

__all__ = ["last_number", "mean", "normalise", "pass_at_k", "standard_deviation", "wilson_interval"]
