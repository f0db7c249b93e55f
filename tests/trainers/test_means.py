from typing import Any

import pytest
import torch

from swift_lib.trainers.means import Means


def test_a_mean_is_of_all_values_of_all_batches() -> None:
    means = Means()
    means.add("loss", torch.tensor(6.0), 3)
    means.add("loss", torch.tensor(1.0), torch.tensor(1))
    means.add("nothing", torch.tensor(0.0), 0)
    assert means.take() == {"loss": 1.75}
    assert means.take() == {}


@pytest.mark.parametrize("known", [["acc", "loss"], ["loss"], []])
def test_a_process_without_a_name_adds_nothing_to_it(known: list[str]) -> None:
    """The other process has both names; the sums that meet are of the same names in the same order."""
    mine, other = Means(), Means()
    for name in known:
        mine.add(name, torch.tensor(1.0), 1)
    other.add("loss", torch.tensor(4.0), 4)
    other.add("acc", torch.tensor(2.0), 4)
    sent: list[Any] = []
    both = {"acc", "loss"}
    other.take(lambda sums: sent.append(sums) or sums, lambda names: names | both)
    found = mine.take(lambda sums: sums + sent[0], lambda names: names | both)
    assert found == {
        "acc": 3 / 5 if "acc" in known else 2 / 4,
        "loss": 5 / 5 if "loss" in known else 4 / 4,
    }


def test_sums_go_on_where_they_were() -> None:
    means, later = Means(), Means()
    means.add("loss", torch.tensor(6.0), 3)
    later.restore(means.sums(), "cpu")
    later.add("loss", torch.tensor(2.0), 1)
    assert later.take() == {"loss": 2.0}
