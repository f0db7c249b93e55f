"""What transformers and accelerate have no hook for. Checked against transformers 5.19 only; another one is refused."""

import sys
from typing import Any

import accelerate.utils.other
import transformers
import transformers.trainer

from swift_lib.core.errors import TrainingError
from swift_lib.dataloader.dispatcher import DispatchedLoader
from swift_lib.dataloader.shard import SeekableLoader

_VERSIONS = ("5.19.",)
_skip_first_batches = transformers.trainer.skip_first_batches


def install() -> None:
    """Change two things, once.

    A resumed Trainer begins a SeekableLoader at a batch; the original reads all batches before and drops them.
    accelerate asks whether a model is one of DeepSpeed's only where DeepSpeed is in use; the original imports it, which
    takes seconds, to ask.
    """
    if not transformers.__version__.startswith(_VERSIONS):
        raise TrainingError(
            f"transformers {transformers.__version__} is not supported: its training loop may differ",
            fix="install transformers 5.19 (make setup)",
        )
    transformers.trainer.skip_first_batches = _begin_at
    accelerate.utils.other.is_deepspeed_available = _deepspeed_is_imported


def _deepspeed_is_imported() -> bool:
    return "deepspeed" in sys.modules


def _begin_at(dataloader: Any, num_batches: int = 0) -> Any:
    if isinstance(dataloader, SeekableLoader | DispatchedLoader):
        return dataloader.at(num_batches)
    return _skip_first_batches(dataloader, num_batches)
