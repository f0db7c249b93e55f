import pytest

from swift_lib.core.accelerators import named, names, recognised


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("nvidia-l4", "l4"),
        ("nvidia-l40s", "l40s"),
        ("a10g", "a10g"),
        ("nvidia-tesla-a100", "a100-40gb"),
        ("nvidia-a100-80gb", "a100-80gb"),
        ("a100", "a100-80gb"),
        ("NVIDIA-H100-80GB-HBM3", "h100"),
        ("nvidia-tesla-t4", "t4"),
        ("Tesla-V100-SXM2-32GB", "v100-32gb"),
    ],
)
def test_labels_of_nodes_are_recognised(label: str, name: str) -> None:
    found = recognised(label)
    assert found is not None and found.name == name


@pytest.mark.parametrize("label", ["", "c5.4xlarge", "pool-14", "l400"])
def test_other_labels_mean_none(label: str) -> None:
    assert recognised(label) is None


def test_a_number_is_gibibytes() -> None:
    found = named("24")
    assert found is not None and found.memory == 24 * 2**30 and found.teraflops == 0
    assert named("0") is None and named("l5") is None


def test_every_name_has_memory_and_speed() -> None:
    assert all((found := named(name)) is not None and found.memory > 2**33 and found.teraflops > 0 for name in names())
