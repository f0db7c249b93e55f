"""Tuners: which weights are trained, and how they are saved and read back."""

from swift_lib.tuner_plugin.base import Tuner
from swift_lib.tuner_plugin.mapping import extra_tuners, tuners_map

__all__ = ["Tuner", "extra_tuners", "tuners_map"]
