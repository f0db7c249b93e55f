"""Long sequences over several processes (DeepSpeed-Ulysses; Jacobs et al. 2023, arXiv:2309.14509)."""

from swift_lib.trainers.sequence_parallel.split import SequenceParallel

__all__ = ["SequenceParallel"]
