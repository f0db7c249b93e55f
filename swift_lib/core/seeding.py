"""Randomness from one number."""

import hashlib
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_LIMIT = 2**31 - 1  # what numpy, torch and vLLM all accept


def seed_everything(seed: int) -> None:
    """Seed Python's generator, and numpy's and torch's (with all CUDA devices) where they are already imported."""
    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed % _LIMIT)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


@contextmanager
def drawn_from(seed: int) -> Iterator[None]:
    """Inside, Python's, numpy's and torch's CPU generators begin at `seed`; afterwards they go on as if unused.

    numpy and torch where they are already imported; generators of devices are left alone.
    """
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    states = random.getstate(), numpy and numpy.random.get_state(), torch and torch.get_rng_state()
    random.seed(seed)
    if numpy:
        numpy.random.seed(seed % _LIMIT)
    if torch:
        torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        random.setstate(states[0])
        if numpy:
            numpy.random.set_state(states[1])
        if torch:
            torch.set_rng_state(states[2])


def derive_seed(seed: int, *names: str | int) -> int:
    """A seed for one purpose, independent of all others, the same on every machine; below 2**31 - 1."""
    text = "\x1f".join([str(seed), *(f"{type(name).__name__}:{name}" for name in names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % _LIMIT
