"""Losses by name."""

from swift_lib.loss.mapping import loss_map

__all__ = ["loss_map"]
