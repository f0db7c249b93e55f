"""Randomness from one number."""

import hashlib
import random
import sys

_LIMIT = 2**31 - 1  # what numpy, torch and vLLM all accept


def seed_everything(seed: int) -> None:
    """Seed Python's generator, and numpy's and torch's (with all CUDA devices) where they are already imported."""
    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed % _LIMIT)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


def derive_seed(seed: int, *names: str | int) -> int:
    """A seed for one purpose, independent of all others, the same on every machine; below 2**31 - 1."""
    text = "\x1f".join([str(seed), *(f"{type(name).__name__}:{name}" for name in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % _LIMIT
