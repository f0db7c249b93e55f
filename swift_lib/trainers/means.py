"""Means over batches and processes."""

from collections.abc import Callable, Mapping

import torch


class Means:
    """Weighted means by name; totals stay on the device until somebody asks, so that no step waits for them."""

    def __init__(self) -> None:
        self._sums: dict[str, torch.Tensor] = {}

    def add(self, name: str, total: torch.Tensor, count: torch.Tensor | float) -> None:
        """Add a scalar total of `count` values. float64: long runs must not lose the small ones."""
        weight = count if isinstance(count, torch.Tensor) else torch.tensor(count, device=total.device)
        pair = torch.stack([total.detach().double(), weight.detach().double()])
        self._sums[name] = pair if name not in self._sums else self._sums[name] + pair

    def sums(self) -> dict[str, tuple[float, float]]:
        """Total and count by name, of this process."""
        return {name: (float(pair[0]), float(pair[1])) for name, pair in self._sums.items()}

    def restore(self, sums: Mapping[str, tuple[float, float]], device: torch.device | str) -> None:
        """Begin with what `sums` gave."""
        self._sums = {name: torch.tensor(pair, dtype=torch.float64, device=device) for name, pair in sums.items()}

    def take(
        self,
        reduce: Callable[[torch.Tensor], torch.Tensor] = lambda sums: sums,
        agree: Callable[[set[str]], set[str]] = lambda names: names,
    ) -> dict[str, float]:
        """The means so far, over all processes, and begin again. A name without any value is left out.

        reduce: sums a tensor over the processes. agree: the names of all processes, given those of this one; a process
        that had no such row, or no row at all, knows fewer.
        """
        names = sorted(agree(set(self._sums)))
        if not names:
            return {}
        nothing = torch.zeros(2, dtype=torch.float64)
        sums = reduce(torch.stack([self._sums.get(name, nothing).to(self._device) for name in names])).tolist()
        self._sums.clear()
        return {name: total / count for name, (total, count) in zip(names, sums, strict=True) if count}

    @property
    def _device(self) -> torch.device:
        return next((pair.device for pair in self._sums.values()), torch.device("cpu"))
