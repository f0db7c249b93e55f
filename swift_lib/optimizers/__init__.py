"""Optimisers by name."""

from swift_lib.optimizers.mapping import optimizers_map

__all__ = ["optimizers_map"]
