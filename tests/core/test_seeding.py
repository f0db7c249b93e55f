import random

from hypothesis import given
from hypothesis import strategies as st

from swift_lib.core.seeding import derive_seed, seed_everything


def test_the_same_seed_gives_the_same_numbers() -> None:
    import numpy
    import torch

    drawn = []
    for _ in range(2):
        seed_everything(3)
        drawn.append((random.random(), float(numpy.random.rand()), float(torch.rand(1))))
    assert drawn[0] == drawn[1]


def test_derived_seeds_do_not_change_between_versions() -> None:
    assert derive_seed(42, "order", 1) == 1941894592


@given(st.integers(), st.text(), st.text())
def test_each_purpose_has_its_own_seed_in_range(seed: int, a: str, b: str) -> None:
    assert 0 <= derive_seed(seed, a) < 2**31 - 1
    assert (derive_seed(seed, a) == derive_seed(seed, b)) == (a == b)


def test_a_number_is_not_its_text() -> None:
    assert derive_seed(1, 2) != derive_seed(1, "2")
