"""Accelerators that one can rent: what a program finds free on them, and how fast they multiply at most."""

import re
from typing import NamedTuple


class Accelerator(NamedTuple):
    """mebibytes: of memory as the driver reports it; teraflops: dense bfloat16 (float16 where there is no other)."""

    name: str
    mebibytes: int
    teraflops: float

    @property
    def memory(self) -> int:
        """Bytes."""
        return self.mebibytes * 2**20


# The makers' data sheets, without sparsity.
_TABLE = {
    "t4": (15_360, 65.0),
    "v100": (16_384, 125.0),
    "v100-32gb": (32_768, 125.0),
    "a10": (23_028, 125.0),
    "a10g": (23_028, 70.0),
    "l4": (23_034, 121.0),
    "rtx-3090": (24_576, 71.0),
    "rtx-4090": (24_564, 165.0),
    "l40s": (46_068, 362.0),
    "a100-40gb": (40_960, 312.0),
    "a100-80gb": (81_920, 312.0),
    "h100": (81_559, 989.0),
    "h200": (143_771, 989.0),
    "b200": (183_359, 2250.0),
    "mi300x": (196_592, 1307.0),
}
# As node labels and pools write them; the first that fits counts.
_WRITTEN = (
    (r"a100.?80|p4de", "a100-80gb"),
    (r"tesla-a100|a100.?40|p4d", "a100-40gb"),
    (r"a100", "a100-80gb"),
    (r"v100.*32", "v100-32gb"),
    (r"v100", "v100"),
    (r"(?<![a-z0-9])(b200|h200|h100|l40s|a10g|a10|l4|t4)(?![0-9])", r"\1"),
    (r"mi300x", "mi300x"),
    (r"4090", "rtx-4090"),
    (r"3090", "rtx-3090"),
)


def names() -> list[str]:
    """The names that `named` knows."""
    return list(_TABLE)


def named(name: str) -> Accelerator | None:
    """The accelerator of a name, or of a number of GiB ("24"); None where it is neither.

    "gpu" is one of which nothing is known: it has no bytes.
    """
    key = name.strip().lower()
    if key == "gpu":
        return Accelerator("a GPU of unknown kind", 0, 0.0)
    if key in _TABLE:
        return Accelerator(key, *_TABLE[key])
    if re.fullmatch(r"\d+(\.\d+)?", key) and float(key) > 0:
        return Accelerator(f"{key} GiB", int(float(key) * 1024), 0.0)
    return None


def recognised(text: str) -> Accelerator | None:
    """The accelerator that a label such as `nvidia-l4` or `gpu: a100` means; None where none is found."""
    for pattern, name in _WRITTEN:
        if match := re.search(pattern, text.lower()):
            return named(match.expand(name))
    return None
