"""One process reads the rows of all; the others need not see the data."""

from collections.abc import Iterable, Iterator
from typing import Any, Self

from torch import distributed

from swift_lib.dataloader.shard import SeekableLoader, ShardedBatches


class DataLoaderDispatcher:
    """Batches of the first process's loader, dealt out in turn: one for each process, then one for each again.

    base_dataloader: iterated in the first process only. The end comes when less than one batch for each is left; that
    is dropped. group: over which batches are sent, None for the default; it has to carry CPU tensors.
    """

    def __init__(
        self, base_dataloader: Iterable[Any], *, rank: int | None = None, size: int | None = None, group: Any = None
    ) -> None:
        self.base_dataloader, self._group = base_dataloader, group
        self.rank = distributed.get_rank(group) if rank is None else rank
        self.size = distributed.get_world_size(group) if size is None else size

    def __iter__(self) -> Iterator[Any]:
        source = iter(self.base_dataloader) if self.rank == 0 else iter(())
        while True:
            found: list[Any] = [None]
            distributed.scatter_object_list(found, self._taken(source), group_src=0, group=self._group)
            if found[0] is None:
                return
            yield found[0]

    def _taken(self, source: Iterator[Any]) -> list[Any] | None:
        """A batch for each process, or None for each; nothing in all but the first process."""
        if self.rank != 0:
            return None
        batches = [batch for _, batch in zip(range(self.size), source, strict=False)]
        return batches if len(batches) == self.size else [None] * self.size


class AllBatches(ShardedBatches):
    """The batches of all processes one after the other, in the first of them: what `ShardedBatches` gives each."""

    def __iter__(self) -> Iterator[list[int]]:
        for together in self._together():
            for rank in range(self.world_size):
                yield self._share(together, rank)


class DispatchedLoader(DataLoaderDispatcher):
    """A SeekableLoader of AllBatches whose batches are dealt out: no row is left out, as in shards."""

    def __init__(self, loader: SeekableLoader, *, rank: int, group: Any) -> None:
        batches = loader.batches
        super().__init__(loader, rank=rank, size=batches.world_size, group=group)
        self.loader, self.dataset = loader, loader.dataset

    @property
    def batches(self) -> ShardedBatches:
        """In which order rows come, as for a SeekableLoader."""
        return self.loader.batches

    def __len__(self) -> int:
        return len(self.batches)

    def set_epoch(self, epoch: int) -> None:
        """Give the rows of another epoch from now on."""
        self.loader.set_epoch(epoch)

    def at(self, batch: int) -> Self:
        """The same, beginning at a batch."""
        return type(self)(self.loader.at(batch), rank=self.rank, group=self._group)
