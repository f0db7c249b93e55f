"""In which order rows are trained: a pure function of (seed, epoch, position).

Nothing is drawn one after the other, so any position of any epoch is found at once: a run that goes on from a
checkpoint starts where it stopped, however far that is, and no number of processes or workers changes the order.

The shuffle is a Feistel network over the smallest even number of bits that holds all positions; what falls outside is
put through again until it falls inside (cycle walking; Black and Rogaway 2002, "Ciphers with arbitrary finite domains",
section 4). A permutation of ten million rows would take a second and 80 MB to draw; this takes neither.
"""

import hashlib

import numpy as np

_ROUNDS = 6
_MASK = np.uint64(0xFFFFFFFF)


class TrainingOrder:
    """The order of `length` rows (or packs of rows) in each epoch.

    lengths: tokens of each row, int, shape (length,): with `group` above 1 each stretch of so many shuffled rows is
    sorted by length, the longest first, so that the rows of a batch are of like length.
    """

    def __init__(
        self, length: int, seed: int, *, shuffle: bool = True, lengths: np.ndarray | None = None, group: int = 1
    ) -> None:
        assert length > 0, "there is nothing to order"
        assert group == 1 or (lengths is not None and len(lengths) == length), "grouping needs the length of every row"
        self.length, self.seed, self.shuffle = length, seed, shuffle
        self._lengths, self._group = lengths, group

    def rows(self, epoch: int, start: int, stop: int) -> np.ndarray:
        """The rows at the positions start to stop of an epoch, int64, of shape (stop - start,)."""
        assert 0 <= start <= stop <= self.length, (start, stop, self.length)
        if self._group == 1:
            return self._shuffled(epoch, start, stop)
        first, last = start // self._group * self._group, min(-(-stop // self._group) * self._group, self.length)
        rows = self._shuffled(epoch, first, last)
        assert self._lengths is not None
        for begin in range(0, len(rows), self._group):
            stretch = rows[begin : begin + self._group]
            rows[begin : begin + self._group] = stretch[np.argsort(-self._lengths[stretch], kind="stable")]
        return rows[start - first : stop - first]

    def _shuffled(self, epoch: int, start: int, stop: int) -> np.ndarray:
        positions = np.arange(start, stop, dtype=np.int64)
        if not self.shuffle:
            return positions
        half = max(1, ((self.length - 1).bit_length() + 1) // 2)
        keys = _keys(self.seed, epoch)
        rows = _feistel(positions.astype(np.uint64), half, keys)
        outside = np.flatnonzero(rows >= self.length)
        while len(outside):
            rows[outside] = _feistel(rows[outside], half, keys)
            outside = outside[rows[outside] >= self.length]
        return rows.astype(np.int64)


def _keys(seed: int, epoch: int) -> np.ndarray:
    digest = hashlib.sha256(f"training order\x1f{seed}\x1f{epoch}".encode()).digest()
    return np.frombuffer(digest[: 4 * _ROUNDS], dtype="<u4").astype(np.uint64)


def _feistel(values: np.ndarray, half: int, keys: np.ndarray) -> np.ndarray:
    """A permutation of the numbers below 4 ** half."""
    bits, mask = np.uint64(half), np.uint64((1 << half) - 1)
    left, right = values >> bits, values & mask
    for key in keys:
        left, right = right, left ^ (_mixed(right ^ key) & mask)
    return (left << bits) | right


def _mixed(x: np.ndarray) -> np.ndarray:
    """Every bit of the result depends on every bit of x (the finaliser of MurmurHash3, 32 bits)."""
    x = x & _MASK
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x85EBCA6B)) & _MASK
    x ^= x >> np.uint64(13)
    x = (x * np.uint64(0xC2B2AE35)) & _MASK
    return x ^ (x >> np.uint64(16))
