"""What transformers' Trainer has no hook for. Checked against transformers 5.19 only; another version is refused."""

from typing import Any

import transformers
import transformers.trainer

from swift_lib.core.errors import TrainingError
from swift_lib.dataloader.shard import SeekableLoader

_VERSIONS = ("5.19.",)
_skip_first_batches = transformers.trainer.skip_first_batches


def install() -> None:
    """Let a resumed Trainer begin a SeekableLoader at a batch; the original reads all batches before and drops them."""
    if not transformers.__version__.startswith(_VERSIONS):
        raise TrainingError(
            f"transformers {transformers.__version__} is not supported: its training loop may differ",
            fix="install transformers 5.19 (make setup)",
        )
    transformers.trainer.skip_first_batches = _begin_at


def _begin_at(dataloader: Any, num_batches: int = 0) -> Any:
    if isinstance(dataloader, SeekableLoader):
        return dataloader.at(num_batches)
    return _skip_first_batches(dataloader, num_batches)
